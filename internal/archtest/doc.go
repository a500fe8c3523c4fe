// Package archtest holds the module's dependency arrows: its test reads the
// imports of every package and compares them with one table, so a package that
// reaches back up, or that nobody placed, fails the build. An interface that asks for
// more than a caller needs fails it, too, and so does a scheme's name outside the
// few that may know one, and a word that is on the list of those not used.
package archtest
