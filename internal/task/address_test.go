package task_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/task"
)

// What is wrong with a URL is said without a part of it: any may be one of the
// password.
func TestOpenRefusesAMalformedURL(t *testing.T) {
	t.Parallel()
	secret := password + "@"
	tests := map[string]struct{ url, says string }{
		"empty":                   {"", "redis://HOST:6379/0"},
		"no scheme":               {"localhost:6379", "redis://HOST:6379/0"},
		"another scheme":          {"http://localhost:6379", "another scheme"},
		"a socket":                {"redis-socket:///run/redis.sock", "another scheme"},
		"a tail nobody knows":     {"redis-sentinels://localhost?master=m", "another scheme"},
		"two tails":               {"redis-cluster-sentinel://localhost", "another scheme"},
		"no host":                 {"redis://", "host 1 of 1"},
		"a password alone":        {"redis://:" + password + "@", "host 1 of 1"},
		"port that is a word":     {"redis://user:" + secret + "localhost:port/0", "host 1 of 1"},
		"port that is too high":   {"redis://user:" + secret + "localhost:65536/0", "host 1 of 1"},
		"port that is nothing":    {"redis://user:" + secret + "localhost:/0", "host 1 of 1"},
		"space in a host":         {"redis://user:" + secret + "local host:6379", "host 1 of 1"},
		"two ports":               {"redis://user:" + secret + "localhost:1:2", "host 1 of 1"},
		"bare IPv6":               {"redis://user:" + secret + "::1:6379", "host 1 of 1"},
		"percent in a password":   {"redis://user:" + password + "%@localhost:6379/0", "%25"},
		"question in a password":  {"redis://user:" + password + "?@localhost:6379", "%3F"},
		"two hosts":               {"redis://" + secret + "a:6379,b:6379", "redis-sentinel://"},
		"database that is a word": {"redis://" + secret + "localhost:6379/zero", "number of a database"},
		"database below zero":     {"redis://" + secret + "localhost:6379/-1", "number of a database"},
		"two databases":           {"redis://" + secret + "localhost:6379/0/1", "number of a database"},
		"unheard of option":       {"rediss://" + secret + "localhost:6379?unheard_of=" + password, "unknown"},
		"option given twice":      {"rediss://localhost?ca_file=a&ca_file=b", "twice"},
		"broken option":           {"rediss://localhost?ca_file=%zz", "%25"},
		"option of TLS without":   {"redis://localhost?ca_file=/ca.pem", "rediss"},
		"half a certificate":      {"rediss://localhost?cert_file=/cert.pem", "belong together"},
		"verify maybe":            {"rediss://localhost?skip_verify=perhaps", "true or false"},
		"verify with and without": {"rediss://localhost?skip_verify=true&ca_file=/ca.pem", "keep one"},
		"master of a single one":  {"redis://localhost?master=m", "redis-sentinel:// alone"},
		"sentinels, no master":    {"redis-sentinel://" + secret + "a:26379,b:26379", "name the master"},
		"sentinels, empty master": {"redis-sentinel://a:26379?master=", "empty"},
		"sentinels, two masters":  {"redis-sentinel://a:26379/one?master=two", "two names"},
		"sentinels, empty host":   {"redis-sentinel://a:26379,,b:26379?master=m", "host 2 of 3"},
		"sentinels, user alone":   {"redis-sentinel://a?master=m&sentinel_username=u", "sentinel_password"},
		"sentinels, long path":    {"redis-sentinel://a:26379/m/0", "number of a database"},
		"cluster, database":       {"redis-cluster://" + secret + "a:6379/1", "one database"},
		"cluster, master":         {"redis-cluster://a:6379?master=m", "redis-sentinel:// alone"},
		"cluster, bad second":     {"redis-cluster://a:6379," + secret + "b:x", "host 1 of 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if message := expectUnusable(t, tt.url); !strings.Contains(message, tt.says) {
				t.Errorf("the message does not say %q: %s", tt.says, message)
			}
		})
	}
}

func TestOpenRefusesCertificatesItCannotUse(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for query, says := range map[string]string{
		"ca_file=/nowhere/ca.pem":                   "no such file",
		"ca_file=" + empty:                          "no certificate",
		"cert_file=" + empty + "&key_file=" + empty: "cert_file and key_file",
	} {
		message := expectUnusable(t, "rediss://:"+password+"@127.0.0.1:1?"+query)
		if !strings.Contains(message, says) {
			t.Errorf("%s: the message does not say %q: %s", query, says, message)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://localhost":             "standalone [localhost:6379] user= password= db=0",
		"redis://u:p%40%2Fw@h:1/5":      "standalone [h:1] user=u password=p@/w db=5",
		"redis://:p@w@[::1]/":           "standalone [[::1]:6379] user= password=p@w db=0",
		"rediss://h?skip_verify=true":   "standalone [h:6379] user= password= db=0 tls",
		"redis-cluster://u:p@a,b:7,c/0": "Cluster [a:6379 b:7 c:6379] user=u password=p db=0",
		"rediss-cluster://a?ca_file=/c": "Cluster [a:6379] user= password= db=0 tls",
		"redis-sentinel://:p@a:1,b/2?master=m&sentinel_username=s&sentinel_password=q%26": "Sentinel [a:1 b:26379] user= password=p db=2 master=m sentinels=s:q&",
		"redis-sentinel://a:1,b:2?master=m":                                               "Sentinel [a:1 b:2] user= password= db=0 master=m",
		"redis-sentinel://a:1,b:2/my-master":                                              "Sentinel [a:1 b:2] user= password= db=0 master=my-master",
		"rediss-sentinel://a/m?master=m":                                                  "Sentinel [a:26379] user= password= db=0 tls master=m",
		"redis-sentinel://a/3?master=my%20m%":                                             "",
	} {
		if got := task.Address(url); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", url, got, want)
		}
	}
}
