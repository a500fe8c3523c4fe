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
