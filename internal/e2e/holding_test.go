package e2e_test

import "net/http"

// atOnce is how many attempts to one endpoint a server makes at once.
const atOnce = 16

// holding answers nothing until the channel is closed.
func holding(hold <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// announcing says when a request has come.
func announcing(arrived chan<- struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		next.ServeHTTP(w, r)
	})
}
