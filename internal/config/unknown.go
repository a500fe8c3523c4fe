package config

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// ownVariables picks the variables that begin with WAYBILL_ and are not empty.
func ownVariables(environ []string) map[string]string {
	own := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			own[name] = value
		}
	}
	return own
}

// unknownVariables names the variables that nothing reads: a misspelled one
// would otherwise leave its default in place, silently.
func (l *loader) unknownVariables() error {
	var unknown []string
	for name, value := range l.env {
		known := slices.Contains(otherVariables(), name) || madeByKubernetes(name, value) ||
			indexSetting(func(s setting) bool { return s.env() == name }) >= 0
		if !known {
			unknown = append(unknown, name)
		}
	}
	return complain(unknown, "the environment", setting.env)
}

// otherVariables are read by client commands, or say where settings are.
func otherVariables() []string {
	return []string{configEnv, "WAYBILL_URL", "WAYBILL_API_KEY", "WAYBILL_SECRET"}
}

// madeByKubernetes recognises the variables that Kubernetes sets in every pod
// for a service whose name begins with "waybill".
func madeByKubernetes(name, value string) bool {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") {
		return true
	}
	if strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") {
		return true
	}
	_, port, found := strings.Cut(name, "_PORT_")
	return found && port[0] >= '0' && port[0] <= '9'
}

// unknownKeys names the keys of the file that no setting has.
func (l *loader) unknownKeys() error {
	var unknown []string
	for _, key := range l.merged.Keys() {
		if indexSetting(func(s setting) bool { return s.key() == key || strings.HasPrefix(key, s.key()+".") }) < 0 {
			unknown = append(unknown, key)
		}
	}
	return complain(unknown, l.file, setting.key)
}

func complain(unknown []string, where string, spell func(setting) string) error {
	sort.Strings(unknown)
	wrong := make([]error, 0, len(unknown))
	for _, name := range unknown {
		wrong = append(wrong, fmt.Errorf("%s in %s is not a setting%s", name, where, suggestion(name, spell)))
	}
	return errors.Join(wrong...)
}

// suggestion offers the setting that differs from a name only in separators
// and case, or else how to see them all.
func suggestion(name string, spell func(setting) string) string {
	plain := func(name string) string {
		return strings.ToLower(strings.NewReplacer(".", "", "-", "", "_", "").Replace(name))
	}
	if at := indexSetting(func(s setting) bool { return plain(spell(s)) == plain(name) }); at >= 0 {
		return "; write " + spell(settings()[at])
	}
	return `; "waybill serve --help" lists them all`
}
