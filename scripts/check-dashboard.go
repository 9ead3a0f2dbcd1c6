// Reads a dashboard by the types of Grafana's own schema; see check-dashboard.sh.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Says what is wrong. The library returns an empty list where nothing is.
func report(err error) bool {
	var faults cog.BuildErrors
	if err == nil || (errors.As(err, &faults) && len(faults) == 0) {
		return false
	}
	fmt.Println("dashboard:", err)
	return true
}

func main() {
	plugins.RegisterDefaultPlugins()
	text, err := os.ReadFile(os.Args[1])
	if report(err) {
		os.Exit(1)
	}
	var board dashboard.Dashboard
	if report(board.UnmarshalJSONStrict(text)) || report(board.Validate()) {
		os.Exit(1)
	}
	fmt.Printf("dashboard: %d panels, as Grafana's schema has them\n", len(board.Panels))
}
