// Command metricsserver is metrics-server without its lower limit of ten seconds between two readings of the node, so
// that an autoscaler of the local cluster acts within seconds.
package main

import (
	"os"

	"github.com/spf13/cobra"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/pkg/generated/openapi"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/api"
)

func main() {
	stopped, given := genericapiserver.SetupSignalHandler(), options.NewOptions()
	command := &cobra.Command{Use: "metricsserver", RunE: func(*cobra.Command, []string) error {
		return run(given, stopped)
	}}
	for _, flags := range given.Flags().FlagSets {
		command.Flags().AddFlagSet(flags)
	}
	os.Exit(cli.Run(command))
}

// run does what the command of metrics-server does, except that it does not refuse a short --metric-resolution.
func run(given *options.Options, stopped <-chan struct{}) error {
	if err := logsapi.ValidateAndApply(given.Logging, nil); err != nil {
		return err
	}
	config, err := given.ServerConfig()
	if err != nil {
		return err
	}
	// metrics-server's own definitions name the types as Kubernetes did before 1.36.
	names := openapinamer.NewDefinitionNamer(api.Scheme)
	config.Apiserver.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, names)
	config.Apiserver.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, names)
	server, err := config.Complete()
	if err != nil {
		return err
	}
	return server.RunUntil(stopped)
}
