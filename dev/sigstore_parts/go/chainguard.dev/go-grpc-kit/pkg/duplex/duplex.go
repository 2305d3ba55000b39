// Package duplex is a stand-in: Fulcio reaches it only where HTTP and gRPC share one port.
package duplex

import (
	"context"
	"errors"
	"net"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
)

var errAbsent = errors.New("one port for both is not built in: give --port and --grpc-port different values")

type Duplex struct{ Server *grpc.Server }

func New(int, ...any) *Duplex { return &Duplex{Server: grpc.NewServer()} }

func (*Duplex) RegisterHandler(context.Context, func(context.Context, *runtime.ServeMux, string, []grpc.DialOption) error) error {
	return errAbsent
}
func (*Duplex) RegisterListenAndServeMetrics(int, bool)   {}
func (*Duplex) Serve(context.Context, net.Listener) error { return errAbsent }
