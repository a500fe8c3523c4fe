// Package limit holds the rate limits of endpoints, and those that asked to be
// left alone for a while, for all processes together, in Redis.
//
// It guarantees that over any t seconds of Redis' own clock at most
// Burst + PerSecond*t slots are given away, whoever asks and whatever the
// clocks of the processes say; that whoever has a slot learns when it is due;
// and that a limit that was changed holds at once. When Redis was wiped, or its
// clock was set forward, the burst is allowed again and nobody is left alone.
package limit
