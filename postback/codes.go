package postback

import (
	"slices"
	"strings"
)

// ErrorCodes lists every code that AttemptError and LastError may have, by what they
// are about. The codes themselves belong to whoever finds the failure.
func ErrorCodes() []string {
	return slices.Concat(
		// What an endpoint answered.
		[]string{"status_not_200", "unexpected_body", "invalid_response"},
		// The way to an endpoint.
		[]string{
			"timeout", "connect_refused", "connect_timeout", "connect_unreachable", "connect_error", "connection_reset", "connection_closed", "dns_error",
			"tls_error", "tls_timeout", "tls_not_spoken", "tls_closed", "tls_version", "tls_cipher", "tls_wrong_host", "tls_expired", "tls_self_signed",
			"tls_unknown_authority", "tls_incomplete_chain", "tls_invalid_certificate", "tls_client_certificate",
		},
		// Waybill's own way out.
		[]string{
			"egress_denied", "egress_family_mismatch", "egress_address_unavailable", "egress_exhausted", "egress_no_route", "egress_resolver_down",
			"egress_proxy", "egress_outage", "canceled", "internal",
		},
		// What an endpoint's settings keep from being sent.
		[]string{
			"unknown_scheme", "secret_missing", "secret_sealed", "secret_too_short", "secret_too_long", "secret_invalid", "method_not_allowed", "invalid_method",
			"invalid_header", "invalid_url", "url_not_verbatim", "url_missing", "url_too_long", "url_scheme_not_allowed", "url_invalid_character",
			"url_invalid_escape", "url_user_info", "url_invalid_host", "url_host_not_ascii", "url_invalid_port", "url_fragment", "url_dot_segment",
			"url_query_not_allowed", "url_path_not_allowed", "url_empty_parameter", "duplicate_parameter", "reserved_parameter", "too_many_parameters",
			"unknown_macro", "macro_not_closed", "macro_misplaced", "macro_missing", "template_mismatch",
		},
		// What a scheme cannot carry.
		[]string{
			"value_missing", "value_invalid", "nested_value", "name_invalid", "duplicate_name", "reserved_name", "data_invalid", "data_too_large",
			"data_too_deep", "data_empty", "body_invalid", "message_id_invalid", "invalid_request",
		},
	)
}

// unknown says what a name should have been instead: those that it is a part of, or
// else any of those that there are.
func unknown[T ~string](name T, known []T) string {
	near := slices.DeleteFunc(slices.Clone(known), func(one T) bool { return name == "" || !strings.Contains(string(one), string(name)) })
	if len(near) == 0 {
		return "use " + Listed(known, " or ")
	}
	return "did you mean " + Listed(near, " or ") + "?"
}

// Listed joins names, with a word of its own before the last one.
func Listed[T ~string](names []T, last string) string {
	var text strings.Builder
	for i, name := range names {
		switch {
		case i > 0 && i == len(names)-1:
			text.WriteString(last)
		case i > 0:
			text.WriteString(", ")
		}
		text.WriteString(string(name))
	}
	return text.String()
}
