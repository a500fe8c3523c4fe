package cli

import "github.com/waybillhq/waybill/postback"

// showDiagnosis prints why an endpoint did not take an attempt.
func (p *program) showDiagnosis(findings []postback.Finding) {
	if len(findings) > 0 {
		p.printf("\ndiagnosis\n")
	}
	for _, finding := range findings {
		p.printf("  - %s (%s)\n", escapeLine(finding.Message), escapeLine(finding.Code))
	}
}
