package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer"
)

// variant is a scheme with one mistake in its formula.
type variant struct {
	mistake
	scheme signer.Scheme
	change func(*signer.Declaration)
}

// order reports whether the mistake is another order of what is signed.
func (v variant) order() bool { return v.code == "part_order" || v.code == "parameter_order" }

// common reports whether the mistake can be made in every order: it is none of a
// single part.
func (v variant) common() bool {
	return slices.Contains([]string{
		"wrong_hash", "hmac_for_digest", "secret_encoding", "signature_form", "signature_prefix_missing", "joiner",
	}, v.code)
}

// both compiles a declaration with two mistakes; false when that is no scheme.
func both(right signer.Declaration, first, second variant) (signer.Scheme, bool) {
	d := declaration{right: right}
	d.add("", "", func(wrong *signer.Declaration) {
		first.change(wrong)
		second.change(wrong)
	})
	if len(d.made) == 0 {
		return nil, false
	}
	return d.made[0].scheme, true
}

// variantsOf compiles the declaration of a scheme with one mistake at a time. A
// mistake that makes no scheme is left out.
func variantsOf(scheme signer.Scheme) (signer.Declaration, []variant) {
	of, ok := scheme.(stated)
	if !ok {
		return signer.Declaration{}, nil
	}
	right := of.Declaration()
	right.Vectors, right.Examples = nil, right.Examples[:1]
	d := declaration{right: right}
	d.algorithms()
	d.keys()
	d.writing()
	d.arrangement()
	for i, part := range right.Parts {
		d.part(i, part)
	}
	return right, d.made
}

// declaration collects the variants of a right one.
type declaration struct {
	right signer.Declaration
	made  []variant
}

func (d *declaration) add(code, clause string, change func(*signer.Declaration)) {
	wrong := d.right
	wrong.Parts = slices.Clone(d.right.Parts)
	change(&wrong)
	if compiled, err := signer.Compile(wrong); err == nil {
		d.made = append(d.made, variant{mistake{code, clause, ""}, compiled, change})
	}
}

func (d *declaration) algorithms() {
	name, keyed := strings.CutPrefix(d.right.Algorithm, "hmac-")
	prefix := ""
	if keyed {
		prefix = "hmac-"
	}
	for _, other := range []string{"md5", "sha1", "sha256", "sha512"} {
		if other != name {
			d.add("wrong_hash", "the hash were "+other+" instead of "+name, func(w *signer.Declaration) { w.Algorithm = prefix + other })
		}
	}
	secret := signer.Part{Part: "secret"}
	if !keyed {
		d.add("hmac_for_digest", "it were an HMAC with the secret as key instead of a plain digest", func(w *signer.Declaration) {
			w.Algorithm = "hmac-" + name
			w.Parts = slices.DeleteFunc(w.Parts, func(p signer.Part) bool { return p.Part == "secret" })
		})
		return
	}
	digest := func(code, clause string, parts []signer.Part) {
		d.add(code, clause, func(w *signer.Declaration) { w.Algorithm, w.Key, w.Parts = name, signer.Key{}, parts })
	}
	digest("digest_for_hmac", "it were a plain digest, without the secret, instead of an HMAC", d.right.Parts)
	digest("secret_appended", "it were a plain digest of the text and the secret behind it, instead of an HMAC", append(slices.Clone(d.right.Parts), secret))
	digest("secret_prepended", "it were a plain digest of the secret and the text behind it, instead of an HMAC", append([]signer.Part{secret}, d.right.Parts...))
}

func (d *declaration) keys() {
	if !strings.HasPrefix(d.right.Algorithm, "hmac-") {
		return
	}
	for _, encoding := range []string{"utf8", "hex", "base64"} {
		if encoding != d.right.Key.Encoding {
			d.add("secret_encoding", "the key were read from the secret as "+encoding, func(w *signer.Declaration) { w.Key.Encoding = encoding })
		}
	}
	if d.right.Key.Prefix != "" {
		d.add("secret_encoding", "the key were the secret's own text, with "+d.right.Key.Prefix, func(w *signer.Declaration) { w.Key = signer.Key{} })
	}
}

func (d *declaration) writing() {
	usual := d.right.Output
	if usual == "" {
		usual = "hex"
	}
	for _, output := range []string{"hex", "hex-upper", "base64", "base64url"} {
		if output != usual {
			d.add("signature_form", "the scheme wrote its signatures in "+output+" instead of "+usual, func(w *signer.Declaration) { w.Output = output })
		}
	}
	if template := d.right.Place.Template; template != "" && template != "{sig}" && !strings.Contains(template, "{ts}") {
		d.add("signature_prefix_missing", "the scheme wrote its signatures bare instead of as "+template, func(w *signer.Declaration) { w.Place.Template = "" })
	}
}

// arrangement tries other orders of the parts, and other joiners.
func (d *declaration) arrangement() {
	const few = 4
	parts := d.right.Parts
	if len(parts) < 2 {
		return
	}
	for _, joiner := range []string{"", "_", ":", "|", "-", ".", ",", "&"} {
		if joiner != d.right.Joiner {
			d.add("joiner", "the parts were joined by "+strconv.Quote(joiner)+" instead of "+strconv.Quote(d.right.Joiner), func(w *signer.Declaration) { w.Joiner = joiner })
		}
	}
	for i := range parts {
		d.add("part_missing", partName(parts[i])+" were left out of what is signed", func(w *signer.Declaration) { w.Parts = slices.Delete(w.Parts, i, i+1) })
	}
	if len(parts) <= few {
		for _, order := range permutations(len(parts)) {
			d.reorder(order)
		}
		return
	}
	for i := range parts[1:] {
		order := make([]int, len(parts))
		for at := range order {
			order[at] = at
		}
		order[i], order[i+1] = i+1, i
		d.reorder(order)
	}
}

func (d *declaration) reorder(order []int) {
	names := make([]string, len(order))
	for i, index := range order {
		names[i] = partName(d.right.Parts[index])
	}
	d.add("part_order", "the order were "+strings.Join(names, ", "), func(w *signer.Declaration) {
		for i, index := range order {
			w.Parts[i] = d.right.Parts[index]
		}
	})
}

func partName(part signer.Part) string {
	switch {
	case part.Field != "":
		return part.Field
	case part.Part == "secret":
		return "the secret"
	case part.Part == "literal":
		return strconv.Quote(part.Text)
	default:
		return "the " + strings.ReplaceAll(part.Part, "_", " ")
	}
}

// part tries other readings of one part.
func (d *declaration) part(at int, right signer.Part) {
	as := func(code, clause string, change func(*signer.Part)) {
		d.add(code, clause, func(w *signer.Declaration) { change(&w.Parts[at]) })
	}
	as("part_base64", partName(right)+" were in base64, or were not where it is", func(p *signer.Part) { p.Base64 = !p.Base64 })
	switch right.Part {
	case "url":
		as("path_and_query_signed", "only the path and the query were signed instead of the absolute URL", func(p *signer.Part) { p.Part = "path_query" })
	case "path_query":
		as("url_signed", "the absolute URL were signed instead of the path and the query", func(p *signer.Part) { p.Part = "url" })
	case "query":
		for _, order := range []string{"given", "sorted"} {
			as("parameter_order", "the parameters were signed in the order: "+order, func(p *signer.Part) { p.Order, p.List = order, nil })
		}
		for _, encoding := range []string{"", "rfc3986", "rfc1738", "none"} {
			as("escape_style", "the values were escaped otherwise: "+named(encoding), func(p *signer.Part) { p.Encoding = encoding })
		}
	case "body":
		for _, style := range []string{"javascript", "php"} {
			for _, order := range []string{"given", "sorted"} {
				as("body_reencoded", "the body were decoded and encoded again ("+style+", names "+order+")", func(p *signer.Part) {
					p.Part, p.Style, p.Order = "json", style, order
				})
			}
		}
	case "json":
		for _, style := range []string{"javascript", "php"} {
			for _, order := range []string{"given", "sorted"} {
				as("body_reencoded", "the body were encoded otherwise ("+style+", names "+order+")", func(p *signer.Part) { p.Style, p.Order = style, order })
			}
		}
		as("body_signed", "the body were signed as it came", func(p *signer.Part) { *p = signer.Part{Part: "body", Base64: p.Base64} })
	case "field":
		for _, form := range []string{"raw", "decoded", "integer"} {
			as("value_form", right.Field+" were signed in its form: "+form, func(p *signer.Part) { p.Form = form })
		}
	}
}

func named(encoding string) string {
	if encoding == "" {
		return "as sent"
	}
	return encoding
}
