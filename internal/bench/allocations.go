package bench

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// allocations are what a process has allocated since its start; zero when it does not
// say.
type allocations struct{ objects, bytes float64 }

// allocations reads the engine's own metrics.
func (e *engine) allocations(ctx context.Context) allocations {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/metrics", nil)
	if err != nil {
		return allocations{}
	}
	request.Header.Set("Authorization", "Bearer "+e.key)
	once := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := once.Do(request)
	if err != nil {
		return allocations{}
	}
	defer response.Body.Close()
	return readAllocations(response.Body)
}

// readAllocations finds them in the Prometheus text format.
func readAllocations(metrics io.Reader) (found allocations) {
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), " "); name {
		case "go_memstats_mallocs_total":
			found.objects, _ = strconv.ParseFloat(value, 64)
		case "go_memstats_alloc_bytes_total":
			found.bytes, _ = strconv.ParseFloat(value, 64)
		}
	}
	return found
}
