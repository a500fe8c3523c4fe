package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

type replayInput struct {
	Body struct {
		Filter replayFilter `json:"filter" doc:"At least one; without state, dead letters are picked"`
		Rate   *float64     `json:"rate,omitempty" minimum:"0.01" maximum:"1000000" doc:"Deliveries per second, at least 0.01; left out: as fast as the server replays (--replay-rate)"`
		DryRun bool         `json:"dry_run,omitempty" doc:"Only count"`
	} `nameHint:"ReplayBody"`
}

type replayOutput struct {
	Body client.ReplayJob
}

func replayOf(job postback.ReplayJob) client.ReplayJob {
	view := client.ReplayJob{
		ID: job.ID, State: job.State, Filter: job.Filter.Query(), Rate: job.Rate, DryRun: job.DryRun,
		Matched: job.Matched, Collected: job.Collected, Replayed: job.Replayed, Skipped: job.Skipped, Skips: job.Skips, Groups: job.Groups,
		CreatedAt: stamp(job.CreatedAt), EndedAt: stamp(job.EndedAt),
	}
	if !job.DryRun {
		view.Remaining = job.Matched - job.Handled()
	}
	return view
}

func (s *server) routeReplays() {
	start := operation("start-replay", http.MethodPost, "/v1/replays", "Replay every ended delivery that a filter picks")
	start.DefaultStatus = http.StatusAccepted
	start = s.refusing(start, http.StatusConflict, "`limit_reached`: as many replays of the publisher, or of none, run as may at once (--max-replays-per-publisher)")
	add(s, start, owners(), s.startReplay)
	s.describeFilters()
	add(s, operation("list-replays", http.MethodGet, "/v1/replays", "List replays, newest first"), readers(), s.listReplays)
	add(s, operation("get-replay", http.MethodGet, "/v1/replays/{id}", "Show a replay's progress"), readers(), s.getReplay)
	add(s, operation("cancel-replay", http.MethodPost, "/v1/replays/{id}/cancel", "Cancel a replay; what it replayed stays replayed"), owners(), s.cancelReplay)
}

func (s *server) startReplay(ctx context.Context, input *replayInput) (*replayOutput, error) {
	given := input.Body.Filter
	if err := given.check(); err != nil {
		return nil, err
	}
	var rate float64 // none
	if input.Body.Rate != nil {
		rate = *input.Body.Rate
	}
	filter, err := s.filter(ctx, "filter.", given.DeliveryQuery)
	if err != nil {
		return nil, err
	}
	if len(filter.States) == 0 {
		filter.States = []postback.State{postback.Dead}
	}
	for _, state := range filter.States {
		if !state.Ended() {
			return nil, postback.Invalid("filter.state", postback.CodeInvalid, "deliveries that are %s cannot be replayed, only ended ones: use dead, succeeded or cancelled", state)
		}
	}
	for _, reason := range filter.Reasons {
		if slices.Contains(postback.ParkedReasons(), reason) {
			return nil, postback.Invalid("filter.reason", postback.CodeInvalid, "deliveries that are parked (%s) cannot be replayed, only ended ones: use a reason of those, such as attempts_exhausted", reason)
		}
	}
	job, err := s.Replayer.StartReplay(ctx, filter, rate, input.Body.DryRun)
	if err != nil {
		return nil, fmt.Errorf("start replay: %w", err)
	}
	return &replayOutput{Body: replayOf(job)}, nil
}

type replaysInput struct {
	Publisher string `query:"publisher" doc:"Only replays whose filter names this publisher"`
	PageInput
}

func (s *server) listReplays(ctx context.Context, input *replaysInput) (*listOutput[client.ReplayJob], error) {
	publisher, err := scope(ctx, "publisher", input.Publisher)
	if err != nil {
		return nil, err
	}
	jobs, next, err := s.ReplayReader.ReplayJobs(ctx, postback.ReplayFilter{Publisher: publisher}, input.page())
	if err != nil {
		return nil, fmt.Errorf("list replays: %w", err)
	}
	return listOf(jobs, next, replayOf), nil
}

// ownReplay reads a job that the caller may see: a publisher's key made it.
func (s *server) ownReplay(ctx context.Context, id string) (postback.ReplayJob, error) {
	job, err := s.ReplayReader.Replay(ctx, id)
	if err != nil {
		return postback.ReplayJob{}, fmt.Errorf("get replay: %w", err)
	}
	if !mayTouch(ctx, job.Filter.Publisher) {
		return postback.ReplayJob{}, notFound("replay")
	}
	return job, nil
}

type getReplayInput struct {
	IDInput
	Brief bool `query:"brief" doc:"Leave outcomes out, which look at each delivery that was opened: for who asks often"`
}

func (s *server) getReplay(ctx context.Context, input *getReplayInput) (*replayOutput, error) {
	job, err := s.ownReplay(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	view := replayOf(job)
	if job.DryRun || input.Brief {
		return &replayOutput{Body: view}, nil
	}
	if view.Outcomes, err = s.outcomes(ctx, job.ID); err != nil {
		return nil, err
	}
	view.OutcomesOmitted = view.Outcomes == nil
	return &replayOutput{Body: view}, nil
}

// outcomesTimeout bounds the counting of outcomes. It is shorter than what the
// ledger lets a statement take, so that the job itself is always shown.
const outcomesTimeout = 3 * time.Second

// outcomes counts what became of a job's deliveries; nil when they are too many to
// be counted in time.
func (s *server) outcomes(ctx context.Context, id string) (*postback.ReplayOutcomes, error) {
	bounded, cancel := context.WithTimeout(ctx, outcomesTimeout)
	defer cancel()
	outcomes, err := s.ReplayReader.ReplayOutcomes(bounded, id)
	switch {
	case err == nil:
		return &outcomes, nil
	case bounded.Err() != nil && ctx.Err() == nil:
		return nil, nil //nolint:nilnil // they are left out, and the answer says so
	default:
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
}

func (s *server) cancelReplay(ctx context.Context, input *IDInput) (*replayOutput, error) {
	if _, err := s.ownReplay(ctx, input.ID); err != nil {
		return nil, err
	}
	job, err := s.Replayer.CancelReplay(ctx, input.ID)
	if err != nil {
		return nil, fmt.Errorf("cancel replay: %w", err)
	}
	return &replayOutput{Body: replayOf(job)}, nil
}
