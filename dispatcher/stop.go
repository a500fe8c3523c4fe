package dispatcher

import (
	"context"
	"time"
)

// stopPatience is how long what has begun may go on when the process stops.
const stopPatience = 5 * time.Second

// outlasting is a context for what is not to be cut off in the middle: it ends
// stopPatience after ctx does.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(stopPatience, cancel)
		context.AfterFunc(longer, func() { late.Stop() })
	})
	return longer, func() { stop(); cancel() }
}
