package notice

// HostOf lets tests ask what is told of a URL.
func HostOf(rawURL string) string { return hostOf(rawURL) }
