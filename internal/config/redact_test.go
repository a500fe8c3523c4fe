package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestConfigPrintsNoPassword(t *testing.T) {
	t.Parallel()
	const password = "hunter2"
	tests := []struct{ name, flag, value, shown string }{
		{"postgres", "database", "postgres://waybill:hunter2@db.example.com/waybill?sslmode=require", "postgres://xxxxx@db.example.com/waybill?sslmode=require"},
		{"postgres, in the query", "database", "postgres://db.example.com/waybill?user=w&password=hunter2", "user=w&password=xxxxx"},
		{"redis", "redis", "rediss://:hunter2@redis.example.com:6380/0", "rediss://xxxxx@redis.example.com:6380/0"},
		{"redis, a slash and an at sign", "redis", "redis://u:a/b@hunter2@redis.example.com:6379", "redis://xxxxx@redis.example.com:6379"},
		{"sentinel", "redis", "redis-sentinel://:hunter2@a.example.com:26379,b.example.com:26379?master=m", "a.example.com:26379,b.example.com:26379?master=m"},
		{"sentinels of their own password", "redis", "rediss-sentinel://u:hunter2@a.example.com,b.example.com/0?master=m&sentinel_username=s&sentinel_password=hunter2&ca_file=/ca.pem", "rediss-sentinel://xxxxx@a.example.com,b.example.com/0?master=m&sentinel_username=s&sentinel_password=xxxxx&ca_file=/ca.pem"},
		{"sentinels, an at sign in the query", "redis", "redis-sentinel://:x@a.example.com?master=m&sentinel_password=x@hunter2", "redis=redis-sentinel://xxxxx "},
		{"redis, a question mark", "redis", "redis://u:a?b=@hunter2@redis.example.com:6379", "redis=redis://xxxxx "},
		{"cluster", "redis", "redis-cluster://:hunter2@a.example.com:6379,b.example.com:6379", "redis-cluster://xxxxx@a.example.com:6379,b.example.com:6379"},
		{"proxy", "egress-proxy", "socks5://u:hunter2@proxy.example.com:1080", "socks5://xxxxx@proxy.example.com:1080"},
		{"keys themselves", "keyring", "1:hunter2", "keyring=[set]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, []string{"--" + tt.flag, tt.value}, nil, "")
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", got)
			for _, printed := range []string{got.String(), fmt.Sprintf("%v %+v", got, got), log.String()} {
				if strings.Contains(printed, password) {
					t.Errorf("a password in: %s", printed)
				}
			}
			if !strings.Contains(got.String(), tt.shown) {
				t.Errorf("%q is not in: %s", tt.shown, got)
			}
		})
	}
}

func TestErrorsRepeatNoPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ flag, value string }{
		{"database", "mysql://waybill:hunter2@db.example.com/waybill"},
		{"redis", "http://:hunter2@redis.example.com"},
		{"redis", "redis-cluste://:hunter2@redis.example.com"},
		{"redis", "redishunter2://redis.example.com"},
		{"egress-proxy", "socks5://u:hunter2@proxy.example.com:port"},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, []string{"--" + tt.flag, tt.value}, nil, "")
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}
