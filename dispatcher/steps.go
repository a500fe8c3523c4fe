package dispatcher

import "context"

// step is how many rows one ledger transaction changes at most.
const step = 500

// inSteps calls a bounded ledger operation until nothing is left for it.
func inSteps(ctx context.Context, operation func(ctx context.Context, limit int) (int, error)) (int, error) {
	total := 0
	for {
		moved, err := operation(ctx, step)
		total += moved
		if err != nil || moved == 0 {
			return total, err
		}
	}
}
