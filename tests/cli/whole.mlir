// Two results, and between the kernels that make them a third.
func.func @whole(%x: tensor<1x4xf32>, %y: tensor<1x16xf32>) -> (tensor<1x16xf32>, tensor<1x2xf32>) {
  %a = util.unfoldable_constant dense<0.5> : tensor<4x16xf32>
  %b = util.unfoldable_constant dense<0.25> : tensor<16x2xf32>
  %0 = stablehlo.dot_general %x, %a, contracting_dims = [1] x [0] : (tensor<1x4xf32>, tensor<4x16xf32>) -> tensor<1x16xf32>
  %1 = stablehlo.add %0, %y : tensor<1x16xf32>
  %2 = stablehlo.dot_general %1, %b, contracting_dims = [1] x [0] : (tensor<1x16xf32>, tensor<16x2xf32>) -> tensor<1x2xf32>
  return %0, %2 : tensor<1x16xf32>, tensor<1x2xf32>
}

// Two copies, of which the second begins in the middle of 64 bytes.
func.func @joined(%x: tensor<1x4xf32>, %y: tensor<1x16xf32>) -> tensor<1x20xf32> {
  %r = tensor.concat dim(1) %x, %y : (tensor<1x4xf32>, tensor<1x16xf32>) -> tensor<1x20xf32>
  return %r : tensor<1x20xf32>
}
