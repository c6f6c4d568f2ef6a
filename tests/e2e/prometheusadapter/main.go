// Command prometheusadapter is prometheus-adapter made of its own packages with the Kubernetes libraries of the control
// plane: its own main program needs older ones. It leaves out the metrics of resources, which metrics-server has.
package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"time"

	pmodel "github.com/prometheus/common/model"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"
	basecmd "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	prom "sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	custom "sigs.k8s.io/prometheus-adapter/pkg/custom-provider"
	external "sigs.k8s.io/prometheus-adapter/pkg/external-provider"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

type adapter struct {
	basecmd.AdapterBase
	prometheus string
	rules      string
	relist     time.Duration
}

// patient asks without a deadline. The adapter's client sends the negative of what is left of it as a timeout, which
// Prometheus refuses. In the adapter's own program an older library writes a negative duration as an empty text.
type patient struct{ prom.Client }

func (client patient) Query(given context.Context, at pmodel.Time, query prom.Selector) (prom.QueryResult, error) {
	return client.Client.Query(context.WithoutCancel(given), at, query)
}

func main() {
	made := &adapter{}
	made.Name = "prometheus-adapter"
	made.Flags().StringVar(&made.prometheus, "prometheus-url", "http://localhost:9090", "where Prometheus answers")
	made.Flags().StringVar(&made.rules, "config", "", "file with the rules")
	made.Flags().DurationVar(&made.relist, "metrics-relist-interval", time.Minute, "how often series are listed")
	must(made.Flags().Parse(os.Args))
	stopped := genericapiserver.SetupSignalContext()
	must(made.serve(stopped))
}

func (made *adapter) serve(stopped context.Context) error {
	rules, err := config.FromFile(made.rules)
	if err != nil {
		return err
	}
	address, err := url.Parse(made.prometheus)
	if err != nil {
		return err
	}
	client := patient{prom.NewClientForAPI(prom.NewGenericAPIClient(http.DefaultClient, address, nil), http.MethodGet)}
	mapper, err := made.RESTMapper()
	if err != nil {
		return err
	}
	cluster, err := made.DynamicClient()
	if err != nil {
		return err
	}
	names, err := naming.NamersFromConfig(rules.Rules, mapper)
	if err != nil {
		return err
	}
	provider, lister := custom.NewPrometheusProvider(mapper, cluster, client, names, made.relist, made.relist)
	lister.RunUntil(stopped.Done())
	made.WithCustomMetrics(provider)
	outside, err := naming.NamersFromConfig(rules.ExternalRules, mapper)
	if err != nil {
		return err
	}
	others, lister := external.NewExternalPrometheusProvider(client, outside, made.relist, made.relist)
	lister.RunUntil(stopped.Done())
	made.WithExternalMetrics(others)
	return made.Run(stopped)
}

func must(err error) {
	if err != nil {
		klog.Fatal(err)
	}
}
