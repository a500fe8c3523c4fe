package diagnose

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"hash/maphash"
	"strconv"
)

// recipe is one way to make a signature.
type recipe struct {
	source source
	key    []byte
	mode   mode
	order  mode // of a declared scheme's parts: which of its variants; 0 is its own
}

// source is what is signed.
type source interface {
	// text returns the bytes that are signed; a secret may be part of them.
	text(key []byte) []byte
}

// fixed is a text that no edit changes.
type fixed []byte

func (f fixed) text([]byte) []byte { return f }

// mode is how text and key make a digest or, of a declared scheme, which of its
// variants does: 0 is the scheme itself.
type mode int

const (
	hmacOf     mode = iota // HMAC(key, text)
	digestOf               // digest of the text alone
	keyLast                // digest of the text and the key behind it
	keyFirst               // digest of the key and the text behind it
	hmacTurned             // HMAC(text, key): the arguments in each other's place
)

// algorithm is a hash function.
type algorithm struct {
	name     string
	declared string // its name in declarations; empty for one that none can name
	make     func() hash.Hash
	size     int // bytes of a digest
}

func algorithms() []algorithm {
	return []algorithm{
		{"MD5", "md5", md5.New, md5.Size},
		{"SHA-1", "sha1", sha1.New, sha1.Size},
		{"SHA-224", "", sha256.New224, sha256.Size224},
		{"SHA-256", "sha256", sha256.New, sha256.Size},
		{"SHA-384", "", sha512.New384, sha512.Size384},
		{"SHA-512", "sha512", sha512.New, sha512.Size},
	}
}

// ofSize returns the algorithm whose digests have a number of hex digits.
func ofSize(digits int) (algorithm, bool) {
	for _, known := range algorithms() {
		if known.size*2 == digits {
			return known, true
		}
	}
	return algorithm{}, false
}

// sum is the signature that the recipe makes, in lowercase hex.
func (r recipe) sum(text []byte, with algorithm) string {
	switch r.mode {
	case hmacOf:
		return hmacSum(with, r.key, text)
	case hmacTurned:
		return hmacSum(with, text, r.key)
	case keyLast:
		return plainSum(with, text, r.key)
	case keyFirst:
		return plainSum(with, r.key, text)
	default:
		return plainSum(with, text)
	}
}

func hmacSum(with algorithm, key, text []byte) string {
	mac := hmac.New(with.make, key)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

func plainSum(with algorithm, texts ...[]byte) string {
	digest := with.make()
	for _, text := range texts {
		digest.Write(text)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// mark tells recipes apart, so that none is tried twice.
func (r recipe) mark(seed maphash.Seed, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(strconv.Itoa(int(r.mode))) // never fails, nor do the writes below
	_ = h.WriteByte(0)
	_, _ = h.WriteString(strconv.Itoa(int(r.order)))
	_ = h.WriteByte(0)
	_, _ = h.Write(r.key)
	_ = h.WriteByte(0)
	_, _ = h.Write(text)
	return h.Sum64()
}
