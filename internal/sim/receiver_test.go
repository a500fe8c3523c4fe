package sim_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// kind is how an endpoint behaves until all is well in the end.
type kind string

const (
	healthy  kind = "healthy"
	slowing  kind = "slowing"  // takes everything at once at first, and gets slow
	failing  kind = "failing"  // answers 500
	hanging  kind = "hanging"  // does not answer
	dripping kind = "dripping" // answers 200 when its time is nearly up
	flaky    kind = "flaky"    // fails now and then
	gone     kind = "gone"     // answers 410 after a while
	paused   kind = "paused"   // an operator pauses and resumes it
	changed  kind = "changed"  // an operator changes it
	deleted  kind = "deleted"  // an operator deletes it
	limited  kind = "limited"  // has a rate limit
	ordered  kind = "ordered"  // wants events one after another, and is flaky
	sealed   kind = "sealed"   // has a secret that does not open
)

// steady endpoints take everything at once: nothing of theirs may wait.
func (k kind) steady() bool { return k == healthy || k == changed }

// reply is what an endpoint does with a request.
type reply struct {
	status int
	after  time.Duration
	lost   bool // the connection breaks
}

// reply decides what an endpoint does with its nth request at a time.
func (e *endpoint) reply(w *world, name string) reply {
	quick := reply{status: http.StatusOK, after: w.chance.between(name+"takes", 2*time.Millisecond, 25*time.Millisecond)}
	if !w.faulty() {
		return quick
	}
	switch draw := w.chance.of(name + "answers"); {
	case e.kind == failing && draw < 0.5:
		quick.lost = true
	case e.kind == failing:
		quick.status = http.StatusInternalServerError
	case e.kind == hanging:
		quick.after = time.Hour
	case e.kind == dripping, e.kind == slowing && time.Since(w.start) > w.scenario.heal/2:
		quick.after = timeout * 9 / 10
	case (e.kind == flaky || e.kind == ordered) && draw < 0.2:
		quick.status = http.StatusServiceUnavailable
	case (e.kind == flaky || e.kind == ordered) && draw < 0.3:
		quick.after = time.Hour
	case e.kind == gone && draw < 0.3:
		quick.status = http.StatusGone
	}
	return quick
}

// sender carries a process' requests to the endpoints.
type sender struct{ process *process }

func (s sender) Send(ctx context.Context, request egress.Request, limit time.Duration) egress.Result {
	began := time.Now()
	w, p := s.process.world, s.process
	delivery := "dlv_" + strings.TrimPrefix(request.Header.Get("Webhook-Id"), "msg_")
	name := w.names.of(delivery)
	target := w.endpointOf(delivery)
	ctx = context.WithoutCancel(ctx)
	var answer reply
	err := w.cross(ctx, request2(p, name), func() error {
		n := w.model.sent(p, target, delivery)
		answer = target.reply(w, name+string(rune('0'+n)))
		return nil
	})
	if err != nil {
		return egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeSource, Message: err.Error()}}
	}
	w.wait(ctx, &call{process: p, boundary: toWorld, name: p.name + " is answered " + name, delay: min(answer.after, limit)})
	w.model.answered(p, target, delivery, answer.after < limit && !answer.lost && answer.status == http.StatusOK)
	result := egress.Result{Sent: true, Duration: time.Since(began)}
	switch {
	case answer.after >= limit:
		result.Failure = &egress.Failure{Kind: egress.Failed, Code: egress.CodeTimeout, Message: "no answer in time"}
	case answer.lost:
		result.Failure = &egress.Failure{Kind: egress.Failed, Code: egress.CodeReset, Message: "connection reset"}
	default:
		result.StatusCode, result.Header = answer.status, http.Header{}
	}
	return result
}

func request2(p *process, name string) request {
	return request{process: p, boundary: toWorld, name: p.name + " sends " + name}
}
