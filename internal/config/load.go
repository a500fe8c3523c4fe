package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const configEnv = envPrefix + "CONFIG"

// Load reads the settings: flags made by [AddFlags], then the environment (as
// os.Environ gives it), then the YAML file that --config or WAYBILL_CONFIG
// names, then the defaults. An empty environment variable counts as absent.
// Every setting that is wrong is part of the error, which says where it was
// found and what would be right, and never repeats a password.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	l := loader{flags: flags, env: ownVariables(environ), merged: koanf.New(".")}
	if err := l.merge(); err != nil {
		return Config{}, err
	}
	if err := errors.Join(l.unknownVariables(), l.unknownKeys()); err != nil {
		return Config{}, err
	}
	return l.parse()
}

// DataDir reads the data directory alone: what a client command needs of the
// settings to find the admin key of a server on the same machine.
func DataDir(environ []string) string {
	if dir := ownVariables(environ)["WAYBILL_DATA_DIR"]; dir != "" {
		return dir
	}
	return Default().DataDir
}

type loader struct {
	flags  *pflag.FlagSet
	env    map[string]string // WAYBILL_ variables that are not empty
	file   string            // empty without one
	merged *koanf.Koanf
}

// merge loads the sources over each other, the strongest last.
func (l *loader) merge() error {
	l.file = l.env[configEnv]
	if given := l.flags.Lookup(configFlag); given != nil && given.Changed {
		l.file = given.Value.String()
	}
	if l.file != "" {
		if err := l.merged.Load(file.Provider(l.file), yaml.Parser()); err != nil {
			return fmt.Errorf("read settings from %s: %w", l.file, err)
		}
	}
	if err := l.merged.Load(l.envProvider(), nil); err != nil {
		return fmt.Errorf("read settings from the environment: %w", err)
	}
	if err := l.merged.Load(posflag.ProviderWithFlag(l.flags, "", nil, flagPair), nil); err != nil {
		return fmt.Errorf("read settings from flags: %w", err)
	}
	return nil
}

func (l *loader) envProvider() koanf.Provider {
	return env.Provider("", env.Opt{
		EnvironFunc: func() []string {
			pairs := make([]string, 0, len(l.env))
			for name, value := range l.env {
				pairs = append(pairs, name+"="+value)
			}
			return pairs
		},
		TransformFunc: func(name, value string) (string, any) {
			if at := indexSetting(func(s setting) bool { return s.env() == name }); at >= 0 {
				return settings()[at].key(), value
			}
			return "", nil
		},
	})
}

func flagPair(flag *pflag.Flag) (string, any) {
	at := indexSetting(func(s setting) bool { return s.name == flag.Name })
	if at < 0 {
		return "", nil
	}
	return settings()[at].key(), flag.Value.String()
}

func (l *loader) parse() (Config, error) {
	config := Default()
	var wrong []error
	for _, s := range settings() {
		values, err := textsOf(l.merged.Get(s.key()), s.list)
		if err == nil && len(values) > 0 {
			err = s.parse(&config, values)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", l.origin(s), err))
		}
	}
	return config, errors.Join(wrong...)
}

// origin says where the value of a setting was found.
func (l *loader) origin(s setting) string {
	if flag := l.flags.Lookup(s.name); flag != nil && flag.Changed {
		return "--" + s.name
	}
	if l.env[s.env()] != "" {
		return s.env()
	}
	return s.key() + " in " + l.file
}

// textsOf flattens a value of any source to texts: a list's items, or the one
// value. An empty text is no value.
func textsOf(value any, list bool) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case []any:
		if !list {
			return nil, errors.New("is a list; use one value")
		}
		return textsOfItems(value)
	case map[string]any:
		return nil, errors.New("has names below it; use a value")
	}
	text := fmt.Sprint(value)
	switch {
	case text == "":
		return nil, nil
	case list:
		return splitList(text), nil
	default:
		return []string{text}, nil
	}
}

func textsOfItems(items []any) ([]string, error) {
	var texts []string
	for _, item := range items {
		one, err := textsOf(item, false)
		if err != nil {
			return nil, err
		}
		texts = append(texts, one...)
	}
	return texts, nil
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func indexSetting(match func(setting) bool) int { return slices.IndexFunc(settings(), match) }
