package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) deliveryShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show DELIVERY", Short: "Show one delivery and its attempts",
		Long: `Show one delivery and every attempt: what was signed, what was sent and what came
back. What the endpoint wrote is shown escaped.`,
		Example: "  waybill delivery show dlv_0198c0de00007000800000000000ab12",
		Args:    takes("DELIVERY"),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		detail, err := c.GetDelivery(ctx, args[0])
		if err != nil {
			return fmt.Errorf("get delivery: %w", err)
		}
		if asJSON {
			return p.printJSON(detail)
		}
		p.showDelivery(detail.Delivery)
		for _, attempt := range detail.Attempts {
			p.showAttempt(attempt)
		}
		return nil
	})
}

func (p *program) showDelivery(d client.Delivery) {
	p.labels("",
		[2]string{"delivery", d.ID},
		[2]string{"event", d.EventID + " (" + d.EventType + ")"},
		[2]string{"reference", d.Reference},
		[2]string{"publisher", d.Publisher},
		[2]string{"endpoint", d.EndpointID},
		[2]string{"message id", d.MessageID},
		[2]string{"state", stateOf(d)},
		[2]string{"created", when(d.CreatedAt)},
		[2]string{"completed", when(d.CompletedAt)},
		[2]string{"next attempt", nextOf(d, time.Now())},
		[2]string{"last error", d.LastError},
		[2]string{"replays", replaysOf(d)},
	)
}

// nextOf is when the next attempt is due. Attempts are recorded when they are over,
// so one that is due may be in flight.
func nextOf(d client.Delivery, now time.Time) string {
	next := when(d.NextAttemptAt)
	if next != "" && !d.NextAttemptAt.After(now) {
		next += " (due; may be in flight)"
	}
	return next
}

func replaysOf(d client.Delivery) string {
	if d.Generation <= 1 {
		return ""
	}
	return strconv.Itoa(d.Generation - 1)
}

func (p *program) showAttempt(a client.Attempt) {
	p.printf("\nattempt %d (%s) at %s: %s after %d ms%s\n",
		a.Number, escapeLine(string(a.Trigger)), when(a.StartedAt), escapeLine(string(a.Outcome)), a.DurationMS, statusOf(a))
	p.labels("  ",
		[2]string{"error       ", errorOf(a.Error)},
		[2]string{"request     ", strings.TrimSpace(a.Request.Method + " " + a.Request.URL)},
		[2]string{"signed      ", a.Request.StringToSign})
	p.showMessage(a.Request.Headers, a.Request.Body, a.Request.BodyBase64, "")
	if a.Response != nil {
		p.printf("  response      %d\n", a.StatusCode)
		p.showMessage(a.Response.Headers, a.Response.Body, a.Response.BodyBase64, truncation(a.Response.Truncated))
	}
	p.labels("  ",
		[2]string{"sent from   ", a.SourceIP},
		[2]string{"trace       ", a.TraceID},
		[2]string{"notes       ", strings.Join(a.Notes, "; ")})
}

func statusOf(a client.Attempt) string {
	if a.StatusCode == 0 {
		return ""
	}
	return fmt.Sprintf(", HTTP %d", a.StatusCode)
}

func errorOf(err *postback.AttemptError) string {
	if err == nil {
		return ""
	}
	return err.Message + " (" + err.Code + ")"
}

func truncation(truncated bool) string {
	if truncated {
		return " [cut]"
	}
	return ""
}

// showMessage prints the headers and the body of a request or a response.
func (p *program) showMessage(headers map[string]string, body string, raw []byte, tail string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		p.labels("  ", [2]string{"  header    ", name + ": " + headers[name]})
	}
	if len(raw) > 0 {
		body = "base64:" + base64.StdEncoding.EncodeToString(raw)
	}
	if body == "" {
		return
	}
	body = strings.TrimRight(escapeBlock(body), "\n")
	p.printf("    body        %s%s\n", strings.ReplaceAll(body, "\n", "\n                "), tail)
}
