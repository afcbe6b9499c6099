// Kernels with 16-bit floats, which not every device has.
func.func @half(%a: tensor<64xf16>, %b: tensor<64xf16>) -> tensor<64xf16> {
  %0 = arith.mulf %a, %b : tensor<64xf16>
  return %0 : tensor<64xf16>
}
