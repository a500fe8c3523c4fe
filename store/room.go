package store

import "github.com/waybillhq/waybill/postback"

// Room refuses one more endpoint of a publisher that has the most it may have; 0
// is no limit.
func Room(publisher string, count, most int) error {
	if most <= 0 || count < most {
		return nil
	}
	return postback.Failure(postback.CodeLimit, "the publisher %q has %d endpoints, of %d at most", publisher, count, most)
}

// RoomForReplay refuses a replay to a publisher, or to none, that has as many
// running as may run at once; 0 is any number.
func RoomForReplay(running, most int) error {
	if most <= 0 || running < most {
		return nil
	}
	return postback.Failure(postback.CodeLimit,
		"%d replays run already, the most that may at once for a publisher, or for none (--max-replays-per-publisher); wait for one to end, cancel one, or raise the setting", running)
}
