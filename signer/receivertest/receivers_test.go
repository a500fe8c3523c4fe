package receivertest_test

import (
	"slices"

	"github.com/waybillhq/waybill/signer"
)

// receiver is a publisher's program for one scheme.
type receiver struct {
	name   string
	scheme string
	path   string // and query, of the endpoint

	command  []string // run in a directory of its own, after files were copied there
	files    []string
	page     string // or the page and the language of the recipe that is run
	language string
	env      []string

	// ownAddress: it listens on the address that its URL names, since it looks
	// at the host that it is called by.
	ownAddress bool
}

// besitosPath has no query: the scheme forbids it.
const besitosPath = "/postback/~user;v=1/%7E%41"

// bitlabsPath has macros in the path and in the query, old and new names, and
// static text in every spelling that a URL may have.
const bitlabsPath = "/bitlabs/%7Euser;v=1&w=2/o-[%OFFER_ID%]?static1=a+b%20c%7e%2F:/?@!$'()*,;=x&uid=[%UID%]&val=[%VAL%]" +
	"&raw=%5B%25VALUE:USD%25%5D&tx=[%TX%]&ref=[%REF%]&type=[%ACTIVITY:TYPE%]&reason=[%REASON%]&app=[%APP%]&ip=[%IP%]" +
	"&offer_id=[%OFFER:ID%]&offer_name=[%OFFER_NAME%]&task_name=[%TASK_NAME%]&ban_reason=[%BAN_REASON%]" +
	"&static2=&sum=[%APP:TOKEN%]"

// bitlabsPathForMono has no macro in the path: Mono's listener dies of some
// characters there.
const bitlabsPathForMono = "/bitlabs/%7Euser;v=1&w=2?static1=a+b%20c%7e%2F:/?@!$'()*,;=x&uid=[%UID%]&val=[%VAL%]" +
	"&raw=[%RAW%]&tx=[%TX%]&ref=[%REF%]&type=[%TYPE%]&reason=[%REASON%]&app=[%APP%]&ip=[%IP%]" +
	"&offer_id=[%OFFER_ID%]&offer_name=[%OFFER_NAME%]&task_name=[%TASK_NAME%]&ban_reason=[%BAN_REASON%]&sum=[%APP:TOKEN%]"

const bodyPath = "/hook/%7E%41?a=b+c&d=%20"

// receivers are all that there are for the schemes that this module has.
func receivers() []receiver {
	all := append(published(), recipes()...)
	known := signer.Names()
	return slices.DeleteFunc(all, func(r receiver) bool { return !slices.Contains(known, r.scheme) })
}

func published() []receiver {
	php := []string{"php", "-S", "$HOST:$PORT", "receiver.php"}
	phpFiles := []string{"published/receiver.php", "accept/accept.php"}
	node := []string{"node", "receiver.js"}
	nodeFiles := []string{"published/receiver.js", "accept/accept.js"}
	mono := []string{"mono", programs("receiver.exe")}
	library := func(name string) receiver {
		return receiver{
			name: "library " + name, scheme: "standard-webhooks", path: bodyPath, command: node,
			files: []string{"npm/receiver.js", "accept/accept.js"}, env: []string{"LIBRARY=" + name},
		}
	}
	return []receiver{
		{name: "published PHP besitos", scheme: "besitos", path: besitosPath, command: php, files: phpFiles},
		{name: "published PHP besitos, sorted", scheme: "besitos", path: "/laravel", command: php, files: phpFiles},
		{name: "published PHP bitlabs", scheme: "bitlabs", path: bitlabsPath, command: php, files: phpFiles},
		{name: "published JavaScript besitos", scheme: "besitos", path: besitosPath, command: node, files: nodeFiles},
		{name: "published JavaScript bitlabs", scheme: "bitlabs", path: bitlabsPath, command: node, files: nodeFiles},
		{name: "published JavaScript simpleswap", scheme: "simpleswap", path: bodyPath, command: node, files: nodeFiles},
		{name: "published C# besitos", scheme: "besitos", path: besitosPath, command: mono, ownAddress: true},
		{name: "published C# bitlabs", scheme: "bitlabs", path: bitlabsPathForMono, command: mono, ownAddress: true},
		library("standardwebhooks"),
		library("svix"),
	}
}

func recipes() []receiver {
	var all []receiver
	for _, of := range []struct{ scheme, path string }{
		{"besitos", besitosPath}, {"bitlabs", bitlabsPath}, {"simpleswap", bodyPath}, {"standard-webhooks", bodyPath},
	} {
		page := of.scheme + ".md"
		all = append(
			all,
			receiver{
				name: "recipe PHP " + of.scheme, scheme: of.scheme, path: of.path, page: page, language: "php",
				command: []string{"php", "-S", "$HOST:$PORT", "recipe.php"}, files: []string{"accept/accept.php"},
			},
			receiver{
				name: "recipe JavaScript " + of.scheme, scheme: of.scheme, path: of.path, page: page, language: "js",
				command: []string{"node", "recipe.js"}, files: []string{"accept/accept.js"},
			},
			receiver{
				name: "recipe Python " + of.scheme, scheme: of.scheme, path: of.path, page: page, language: "python",
				command: []string{"python3", "recipe.python"}, files: []string{"accept/accept.py"},
			},
			receiver{
				name: "recipe Go " + of.scheme, scheme: of.scheme, path: of.path,
				command: []string{programs("receiver-go")}, env: []string{"POSTBACK_SCHEME=" + of.scheme},
			},
		)
	}
	return all
}
