// Package option is a stand-in: Fulcio names it in the settings of a cloud's key service.
package option

import "google.golang.org/grpc"

type ClientOption any

func WithGRPCDialOption(option grpc.DialOption) ClientOption { return option }
