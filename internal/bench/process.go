package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of processor time in /proc; Linux fixes it for
// programs, whatever the kernel's own clock.
const ticksPerSecond = 100

// usage is what a process has used since its start.
type usage struct {
	cpu  time.Duration // user and system, to 10 ms
	rss  int64         // bytes of memory that are resident now
	peak int64         // bytes that were at most
	// starved is how long its threads, together, were ready to run and had no
	// core: on a machine that others use too it says how far to trust a rate.
	starved time.Duration
}

// usageOf reads /proc, where there is one.
func usageOf(pid int) (usage, error) {
	place := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(place + "/stat")
	if err != nil {
		return usage{}, fmt.Errorf("read what process %d uses: %w", pid, err)
	}
	status, err := os.ReadFile(place + "/status")
	if err != nil {
		return usage{}, fmt.Errorf("read what process %d uses: %w", pid, err)
	}
	used, err := parseUsage(string(stat), string(status))
	if err != nil {
		return usage{}, fmt.Errorf("read what process %d uses: %w", pid, err)
	}
	used.starved = starvedOf(place)
	return used, nil
}

// starvedOf adds up what the threads that a process has now have waited for a
// core; zero where the system does not count it.
func starvedOf(place string) time.Duration {
	threads, err := filepath.Glob(place + "/task/*/schedstat")
	if err != nil {
		return 0
	}
	total := time.Duration(0)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread is gone
		}
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			waited, err := strconv.ParseInt(fields[1], 10, 64) // nanoseconds
			if err == nil {
				total += time.Duration(waited)
			}
		}
	}
	return total
}

// parseUsage reads the texts of proc_pid_stat(5) and proc_pid_status(5).
func parseUsage(stat, status string) (usage, error) {
	found, err := parseStat(stat)
	if err != nil {
		return usage{}, err
	}
	return usage{cpu: found.cpu, rss: kilobytes(status, "VmRSS"), peak: kilobytes(status, "VmHWM")}, nil
}

// process is what proc_pid_stat(5) says of one.
type process struct {
	name          string
	parent        int
	cpu, children time.Duration // children: of those that ended
}

func processOf(pid int) (process, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return parseStat(string(stat))
}

// familyCPU is what a process and its children have used, those that ended too.
func familyCPU(pid int) (time.Duration, error) {
	head, err := processOf(pid)
	if err != nil {
		return 0, err
	}
	total := head.cpu + head.children
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended just now
		}
		if one, err := parseStat(string(text)); err == nil && one.parent == pid {
			total += one.cpu
		}
	}
	return total, nil
}

// parseStat reads the text of proc_pid_stat(5).
func parseStat(stat string) (process, error) {
	// The second field is a name in parentheses that may hold anything.
	before, rest, found := cutLast(stat, ") ")
	_, name, named := strings.Cut(before, "(")
	fields := strings.Fields(rest)
	// As the manual numbers them; fields begin with the third.
	const parent, user, system, childUser, childSystem = 4 - 3, 14 - 3, 15 - 3, 16 - 3, 17 - 3
	if !found || !named || len(fields) <= childSystem {
		return process{}, errors.New("stat has another form")
	}
	numbers := map[int]int64{}
	for _, field := range []int{parent, user, system, childUser, childSystem} {
		number, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return process{}, errors.New("stat has another form")
		}
		numbers[field] = number
	}
	const tick = time.Second / ticksPerSecond
	return process{
		name: name, parent: int(numbers[parent]),
		cpu:      time.Duration(numbers[user]+numbers[system]) * tick,
		children: time.Duration(numbers[childUser]+numbers[childSystem]) * tick,
	}, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// kilobytes is a size of a status, in bytes; zero when it is not there.
func kilobytes(status, name string) int64 {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			size, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err == nil {
				return size << 10
			}
		}
	}
	return 0
}
