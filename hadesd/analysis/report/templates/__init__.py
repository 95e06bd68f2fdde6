"""The HTML, style sheet and player of a report, as package data.
`hadesd.analysis.report.html` alone reads them."""
