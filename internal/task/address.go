package task

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybillhq/waybill/postback"
)

// Kind is how a Redis is run.
type Kind string

// The kinds of Redis.
const (
	Embedded   Kind = "embedded"
	Standalone Kind = "standalone"
	Sentinel   Kind = "Sentinel"
	Cluster    Kind = "Cluster"
)

// address is where a Redis is, as its URL says.
type address struct {
	kind           Kind
	hosts          []string // host:port; one, the Sentinels, or nodes of a Cluster
	user, password string
	db             int

	master                         string // the name that the Sentinels know it by
	sentinelUser, sentinelPassword string

	secure                    bool // TLS, with the next four
	caFile, certFile, keyFile string
	skipVerify                bool
}

const forms = "write redis://HOST:6379/0, redis-sentinel://HOST1:26379,HOST2:26379?master=NAME or " +
	"redis-cluster://HOST1:6379,HOST2:6379; with rediss, rediss-sentinel and rediss-cluster for TLS"

// malformed says what is wrong with the URL. No part of the URL is repeated:
// where it is malformed, any part may be one of the password.
func malformed(format string, args ...any) error {
	return postback.Invalid("redis", CodeRedis, format, args...)
}

// parseAddress reads a URL such as
//
//	redis://[user][:password]@host[:port][/db]
//	redis-sentinel://[user][:password]@host[:port],host[:port][/db]?master=NAME
//	redis-cluster://[user][:password]@host[:port],host[:port]
//
// The net/url package takes one host alone.
func parseAddress(text string) (address, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return address{}, malformed("the URL is malformed; %s", forms)
	}
	var a address
	scheme, tail, _ := strings.Cut(scheme, "-")
	kinds := map[string]Kind{"": Standalone, "sentinel": Sentinel, "cluster": Cluster}
	if a.kind, found = kinds[tail]; !found || scheme != "redis" && scheme != "rediss" {
		return address{}, malformed("the URL has another scheme than Waybill knows; %s", forms)
	}
	a.secure = scheme == "rediss"

	rest, query, _ := strings.Cut(rest, "?")
	userinfo, rest, found := cutLast(rest, "@")
	if !found {
		userinfo, rest = "", userinfo
	}
	hosts, path, _ := strings.Cut(rest, "/")
	for _, read := range []func() error{
		func() error { return a.readUser(userinfo) },
		func() error { return a.readHosts(hosts) },
		func() error { return a.readPath(path) },
		func() error { return a.readQuery(query) },
	} {
		if err := read(); err != nil {
			return address{}, err
		}
	}
	return a, a.check()
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

func (a *address) readUser(userinfo string) error {
	user, password, _ := strings.Cut(userinfo, ":")
	var errs [2]error
	a.user, errs[0] = url.PathUnescape(user)
	a.password, errs[1] = url.PathUnescape(password)
	if errs[0] != nil || errs[1] != nil {
		return malformed("a percent sign in the user's name or the password is written as %%25")
	}
	return nil
}

func (a *address) readHosts(list string) error {
	port := "6379"
	if a.kind == Sentinel {
		port = "26379"
	}
	hosts := strings.Split(list, ",")
	for i, text := range hosts {
		host, ok := hostPort(text, port)
		if !ok {
			return malformed("host %d of %d is not HOST or HOST:PORT; in a password the characters @ : / ? # %% are written as %%40 %%3A %%2F %%3F %%23 %%25",
				i+1, len(hosts))
		}
		a.hosts = append(a.hosts, host)
	}
	if a.kind == Standalone && len(hosts) > 1 {
		return malformed("%d hosts are named; for several write redis-sentinel:// or redis-cluster://", len(hosts))
	}
	return nil
}

func hostPort(text, defaultPort string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port, err = net.SplitHostPort(text + ":" + defaultPort)
	}
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsGraphic(r) || strings.ContainsRune(" /?#@,\"'<>\\^`{|}", r)
	}
	if err != nil || host == "" || strings.ContainsFunc(host, odd) {
		return "", false
	}
	number, err := strconv.Atoi(port)
	return net.JoinHostPort(host, port), err == nil && number >= 1 && number <= 65535
}

// readPath reads the number of a database, or the name of the Sentinels' master.
func (a *address) readPath(path string) error {
	if path == "" {
		return nil
	}
	number, err := strconv.Atoi(path)
	switch {
	case a.kind == Cluster && (err != nil || number != 0):
		return malformed("a Cluster has one database: leave out what is behind its hosts")
	case err == nil && number >= 0:
		a.db = number
	case a.kind == Sentinel && err != nil && !strings.Contains(path, "/"):
		if a.master, err = url.PathUnescape(path); err != nil {
			return malformed("a percent sign in the master's name is written as %%25")
		}
	default:
		return malformed("behind the host comes / and the number of a database, such as /0")
	}
	return nil
}

func (a *address) readQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return malformed("the options behind ? are malformed; a percent sign is written as %%25")
	}
	texts := map[string]*string{
		"ca_file": &a.caFile, "cert_file": &a.certFile, "key_file": &a.keyFile,
		"master": nil, "sentinel_username": &a.sentinelUser, "sentinel_password": &a.sentinelPassword,
		"skip_verify": nil,
	}
	for name, given := range values {
		into, known := texts[name]
		if !known || len(given) != 1 || given[0] == "" {
			return malformed("an option behind ? is unknown, empty or given twice; " +
				"known are ca_file, cert_file, key_file, skip_verify and, for Sentinel, master, sentinel_username, sentinel_password")
		}
		if into != nil {
			*into = given[0]
		}
	}
	if name := values.Get("master"); name != "" {
		if a.master != "" && a.master != name {
			return malformed("two names of a master are given: keep ?master=NAME alone")
		}
		a.master = name
	}
	if values.Has("skip_verify") {
		if a.skipVerify, err = strconv.ParseBool(values.Get("skip_verify")); err != nil {
			return malformed("skip_verify is true or false")
		}
	}
	return nil
}

// check says what does not go together.
func (a *address) check() error {
	sentinels := a.master != "" || a.sentinelUser != "" || a.sentinelPassword != ""
	tls := a.caFile != "" || a.certFile != "" || a.keyFile != "" || a.skipVerify
	switch {
	case a.kind == Sentinel && a.master == "":
		return malformed("name the master that the Sentinels watch: redis-sentinel://HOST1:26379,HOST2:26379?master=NAME")
	case a.kind != Sentinel && sentinels:
		return malformed("master, sentinel_username and sentinel_password belong to redis-sentinel:// alone")
	case a.sentinelUser != "" && a.sentinelPassword == "":
		return malformed("sentinel_username needs a sentinel_password")
	case !a.secure && tls:
		return malformed("ca_file, cert_file, key_file and skip_verify are of TLS: begin the URL with rediss")
	case (a.certFile == "") != (a.keyFile == ""):
		return malformed("cert_file and key_file belong together")
	case a.skipVerify && a.caFile != "":
		return malformed("skip_verify=true ignores the ca_file: keep one of them")
	default:
		return nil
	}
}
