// Package shared is what the host and the plugin both know: one method, and how it travels over gRPC.
// Its message is protobuf's own BytesValue, so that no code is generated.
package shared

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const method = "/weft.Echo/Echo"

var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "WEFT_BENCHMARK",
	MagicCookieValue: "echo",
}

// Echo is what the host calls, and what the plugin implements.
type Echo interface {
	Echo(ctx context.Context, data []byte) ([]byte, error)
}

// EchoPlugin serves Impl in the plugin, and is a client of it in the host.
type EchoPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	Impl Echo
}

func (p *EchoPlugin) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&service, p.Impl)
	return nil
}

func (p *EchoPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &client{conn}, nil
}

type client struct{ conn *grpc.ClientConn }

func (c *client) Echo(ctx context.Context, data []byte) ([]byte, error) {
	answer := new(wrapperspb.BytesValue)
	err := c.conn.Invoke(ctx, method, &wrapperspb.BytesValue{Value: data}, answer)
	return answer.Value, err
}

var service = grpc.ServiceDesc{
	ServiceName: "weft.Echo",
	HandlerType: (*Echo)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(impl any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			asked := new(wrapperspb.BytesValue)
			if err := decode(asked); err != nil {
				return nil, err
			}
			answer, err := impl.(Echo).Echo(ctx, asked.Value)
			return &wrapperspb.BytesValue{Value: answer}, err
		},
	}},
}
