package bench

import (
	"os"
	"runtime"
	"strings"
)

// Machine is where a run was made.
type Machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor,omitempty"`
	System    string `json:"system"`
	Go        string `json:"go"`
	// LoadBefore and LoadAfter are the load averages over 1, 5 and 15 minutes:
	// above the number of cores, others were waiting for them too.
	LoadBefore string `json:"load_before,omitempty"`
	LoadAfter  string `json:"load_after,omitempty"`
}

func thisMachine() Machine {
	return Machine{
		Cores: runtime.NumCPU(), Processor: processor(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), LoadBefore: loadAverage(),
	}
}

// loadAverage is the load as the system reports it; empty where it does not.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
