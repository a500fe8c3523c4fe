package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// allocations are what a process has allocated since its start.
type allocations struct {
	objects float64
	bytes   float64
}

// allocations reads the engine's own metrics.
func (e *engine) allocations(ctx context.Context) (allocations, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/metrics", nil)
	if err != nil {
		return allocations{}, fmt.Errorf("read the engine's metrics: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+e.key)
	once := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := once.Do(request)
	if err != nil {
		return allocations{}, fmt.Errorf("read the engine's metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return allocations{}, fmt.Errorf("read the engine's metrics: it answers %s", response.Status)
	}
	return parseAllocations(response.Body)
}

// parseAllocations finds them in the Prometheus text format.
func parseAllocations(metrics io.Reader) (allocations, error) {
	var found allocations
	wanted := map[string]*float64{"go_memstats_mallocs_total": &found.objects, "go_memstats_alloc_bytes_total": &found.bytes}
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into, known := wanted[name]
		if !known {
			continue
		}
		var err error
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return found, fmt.Errorf("read the engine's metrics: %w", err)
		}
		delete(wanted, name)
	}
	if err := lines.Err(); err != nil {
		return found, fmt.Errorf("read the engine's metrics: %w", err)
	}
	if len(wanted) > 0 {
		return found, errors.New("read the engine's metrics: no counts of allocations")
	}
	return found, nil
}
