package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// readyPatience bounds how long readiness may take to tell.
const readyPatience = 5 * time.Second

type statusView struct {
	Status string `json:"status" example:"ok"`
}

type egressOutput struct {
	Body struct {
		Addresses []string `json:"addresses" nullable:"false"`
	} `nameHint:"Egress"`
}

func (s *server) routeHealth() {
	health := operation("health", http.MethodGet, "/healthz", "Whether the process answers")
	health.Responses = s.answers(reflect.TypeFor[statusView](), http.StatusOK)
	s.addRaw(health, nil, func(w http.ResponseWriter, r *http.Request) error {
		s.writeJSON(w, r, http.StatusOK, statusView{Status: "ok"})
		return nil
	})
	ready := operation("ready", http.MethodGet, "/readyz", "Whether events can be accepted")
	ready.Responses = s.answers(reflect.TypeFor[statusView](), http.StatusOK)
	s.addRaw(ready, nil, s.ready)

	metrics := operation("metrics", http.MethodGet, "/metrics", "Metrics in the Prometheus text format")
	metrics.Responses = s.answers(nil, http.StatusOK)
	metrics.Responses["200"] = s.content("The metrics", "text/plain", nil)
	s.addRaw(metrics, watchers(), func(w http.ResponseWriter, r *http.Request) error {
		if s.Metrics == nil {
			return postback.Failure(postback.CodeNotFound, "metrics not found: they are off")
		}
		s.Metrics.ServeHTTP(w, r)
		return nil
	})
	document := operation("openapi", http.MethodGet, "/openapi.json", "This document")
	document.Responses = s.answers(nil, http.StatusOK)
	s.addRaw(document, anyone(), func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/openapi+json")
		if _, err := w.Write(s.openAPI); err != nil {
			recordOf(r.Context()).err = err
		}
		return nil
	})
	add(s, operation("egress", http.MethodGet, "/v1/egress", "The addresses that Waybill sends from, for allow lists"), anyone(), s.egress)
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		recordOf(ctx).err = fmt.Errorf("check readiness: %w", err)
		return postback.Failure(postback.CodeUnavailable, "events cannot be accepted now; the server's log says why")
	}
	s.writeJSON(w, r, http.StatusOK, statusView{Status: "ok"})
	return nil
}

func (s *server) egress(context.Context, *struct{}) (*egressOutput, error) {
	output := &egressOutput{}
	output.Body.Addresses = append([]string{}, s.Egress...)
	return output, nil
}
