// Package schemes is the catalogue of the schemes that endpoints may choose:
// those of package signer, those of the networks whose declarations it ships,
// and those that an operator declares in files.
//
// It guarantees that every scheme in a catalogue was compiled, which proves its
// vectors; that a name means one scheme; that what is wrong in a file is
// reported with its file and line; and that what another process declares or
// deletes is seen within one interval of Follow. Unknown settings are refused, not skipped.
package schemes
