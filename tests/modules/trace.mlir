// Tensors printed on the way.

func.func @traced(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  flow.tensor.trace "input" = [%x : tensor<2x2xf32>]
  %r = arith.addf %x, %x : tensor<2x2xf32>
  flow.tensor.trace "output" = [%r : tensor<2x2xf32>]
  return %r : tensor<2x2xf32>
}
