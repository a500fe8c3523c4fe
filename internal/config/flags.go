package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// configFlag is the one flag that is no setting: where settings are read from.
const configFlag = "config"

// AddFlags adds a flag for every setting, whose help gives the default and the
// environment variable, and --config for the file.
func AddFlags(flags *pflag.FlagSet) {
	defaults := Default()
	for _, s := range settings() {
		value := &flagValue{setting: s, fallback: s.show(defaults)}
		flags.Var(value, s.name, fmt.Sprintf("%s [$%s]", s.usage, s.env()))
	}
	flags.String(configFlag, "", fmt.Sprintf("read settings from this YAML `FILE` [$%s]", configEnv))
}

// flagValue keeps what was written after a flag; Load reads it.
type flagValue struct {
	setting  setting
	fallback string // shown by the help
	given    []string
}

func (v *flagValue) Type() string {
	if v.setting.list {
		return v.setting.placeholder + ",..."
	}
	return v.setting.placeholder
}

func (v *flagValue) String() string {
	if v.given == nil {
		return v.fallback
	}
	return strings.Join(v.given, ",")
}

// Set keeps the value; of a setting that is no list the last one counts.
func (v *flagValue) Set(text string) error {
	if !v.setting.list {
		v.given = nil
	}
	v.given = append(v.given, text)
	return nil
}
