package diagnose

// remedyOfTLS says what makes a failed handshake succeed.
func remedyOfTLS(code string) string {
	switch code {
	case "tls_error":
		return "the TLS handshake failed: the receiver's certificate must be valid, for this host, with its whole chain, and TLS 1.2 or newer must be on"
	case "tls_timeout":
		return "the receiver accepts connections but does not finish the TLS handshake: check that the port speaks HTTPS and that its server is not overloaded"
	case "tls_not_spoken":
		return "the receiver's port does not speak TLS: use http:// in the URL, or the port on which it serves HTTPS"
	case "tls_closed":
		return "the receiver closed the connection during the TLS handshake: check its log, and that a firewall before it lets TLS pass"
	case "tls_version":
		return "the receiver must turn on TLS 1.2 or TLS 1.3: older versions are not used"
	case "tls_cipher":
		return "the receiver must turn on a cipher suite with forward secrecy, such as ECDHE-RSA-AES128-GCM-SHA256; suites with RSA key exchange are not used"
	case "tls_wrong_host":
		return "the receiver's certificate does not name the URL's host: use a host that it names in the URL, or a certificate for this one"
	case "tls_expired":
		return "the receiver must renew its certificate; if the dates look right, check this host's clock"
	case "tls_self_signed":
		return "the receiver needs a certificate by a public authority instead of a self-signed one"
	case "tls_unknown_authority":
		return "the receiver needs a certificate by a public authority, or this host must trust its authority (see its certificate store, or SSL_CERT_FILE)"
	case "tls_incomplete_chain":
		return "the receiver must send its intermediate certificate, too: configure the full chain (often fullchain.pem) instead of the certificate alone"
	case "tls_invalid_certificate":
		return "the receiver needs another certificate: this one breaks a rule that the attempt's error names"
	case "tls_client_certificate":
		return "the receiver asks for a client certificate, and requests are sent without one: turn that off for this path; the signature tells who sends"
	default:
		return ""
	}
}
