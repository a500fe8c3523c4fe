package signer

// Declaration returns what the scheme was made from, for those who want to make
// another one out of it. Its lists are the definition's own: copy them before
// changing them. That of standard-webhooks, which is not declared, says no more
// than its name, its source and its methods.
func (d *Definition) Declaration() Declaration { return d.about }
