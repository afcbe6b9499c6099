// Tensors of every element type the compiler takes for this target: handed through a kernel that
// computes with them, and, for the narrow ones, converted from and to a wide type.
// FLAGS: --iree-input-demote-f64-to-f32=false

func.func @i1(%x: tensor<4xi1>, %y: tensor<4xi1>) -> tensor<4xi1> {
  %r = arith.xori %x, %y : tensor<4xi1>
  return %r : tensor<4xi1>
}
func.func @i4(%x: tensor<8xi4>, %y: tensor<8xi4>) -> tensor<8xi4> {
  %r = arith.addi %x, %y : tensor<8xi4>
  return %r : tensor<8xi4>
}
func.func @i8(%x: tensor<4xi8>, %y: tensor<4xi8>) -> tensor<4xi8> {
  %a = arith.muli %x, %y : tensor<4xi8>
  %r = arith.subi %a, %x : tensor<4xi8>
  return %r : tensor<4xi8>
}
func.func @i16(%x: tensor<4xi16>, %y: tensor<4xi16>) -> tensor<4xi16> {
  %a = arith.muli %x, %y : tensor<4xi16>
  %r = arith.subi %a, %x : tensor<4xi16>
  return %r : tensor<4xi16>
}
func.func @i32(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %a = arith.muli %x, %y : tensor<4xi32>
  %r = arith.subi %a, %x : tensor<4xi32>
  return %r : tensor<4xi32>
}
func.func @i64(%x: tensor<4xi64>, %y: tensor<4xi64>) -> tensor<4xi64> {
  %a = arith.muli %x, %y : tensor<4xi64>
  %r = arith.subi %a, %x : tensor<4xi64>
  return %r : tensor<4xi64>
}
func.func @f16(%x: tensor<4xf16>, %y: tensor<4xf16>) -> tensor<4xf16> {
  %a = arith.mulf %x, %y : tensor<4xf16>
  %r = arith.subf %a, %x : tensor<4xf16>
  return %r : tensor<4xf16>
}
func.func @bf16(%x: tensor<4xbf16>, %y: tensor<4xbf16>) -> tensor<4xbf16> {
  %a = arith.mulf %x, %y : tensor<4xbf16>
  %r = arith.subf %a, %x : tensor<4xbf16>
  return %r : tensor<4xbf16>
}
func.func @f32(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %a = arith.mulf %x, %y : tensor<4xf32>
  %r = arith.subf %a, %x : tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @f64(%x: tensor<4xf64>, %y: tensor<4xf64>) -> tensor<4xf64> {
  %a = arith.mulf %x, %y : tensor<4xf64>
  %r = arith.subf %a, %x : tensor<4xf64>
  return %r : tensor<4xf64>
}
func.func @complex64(%x: tensor<4xcomplex<f32>>, %y: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {
  %e = tensor.empty() : tensor<4xcomplex<f32>>
  %r = linalg.generic {
    indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
    iterator_types = ["parallel"]
  } ins(%x, %y : tensor<4xcomplex<f32>>, tensor<4xcomplex<f32>>)
    outs(%e : tensor<4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %m = complex.mul %a, %b : complex<f32>
    linalg.yield %m : complex<f32>
  } -> tensor<4xcomplex<f32>>
  return %r : tensor<4xcomplex<f32>>
}
func.func @i1_to_i32(%x: tensor<4xi1>) -> tensor<4xi32> {
  %r = arith.extui %x : tensor<4xi1> to tensor<4xi32>
  return %r : tensor<4xi32>
}
func.func @i4_to_i32(%x: tensor<8xi4>) -> tensor<8xi32> {
  %r = arith.extsi %x : tensor<8xi4> to tensor<8xi32>
  return %r : tensor<8xi32>
}
func.func @i32_to_i4(%x: tensor<8xi32>) -> tensor<8xi4> {
  %r = arith.trunci %x : tensor<8xi32> to tensor<8xi4>
  return %r : tensor<8xi4>
}
func.func @i8_to_i64(%x: tensor<4xi8>) -> tensor<4xi64> {
  %r = arith.extsi %x : tensor<4xi8> to tensor<4xi64>
  return %r : tensor<4xi64>
}
func.func @i64_to_i16(%x: tensor<4xi64>) -> tensor<4xi16> {
  %r = arith.trunci %x : tensor<4xi64> to tensor<4xi16>
  return %r : tensor<4xi16>
}
func.func @f16_to_f32(%x: tensor<4xf16>) -> tensor<4xf32> {
  %r = arith.extf %x : tensor<4xf16> to tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @f32_to_f16(%x: tensor<4xf32>) -> tensor<4xf16> {
  %r = arith.truncf %x : tensor<4xf32> to tensor<4xf16>
  return %r : tensor<4xf16>
}
func.func @bf16_to_f32(%x: tensor<4xbf16>) -> tensor<4xf32> {
  %r = arith.extf %x : tensor<4xbf16> to tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @f32_to_bf16(%x: tensor<4xf32>) -> tensor<4xbf16> {
  %r = arith.truncf %x : tensor<4xf32> to tensor<4xbf16>
  return %r : tensor<4xbf16>
}
func.func @f64_to_f32(%x: tensor<4xf64>) -> tensor<4xf32> {
  %r = arith.truncf %x : tensor<4xf64> to tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @i64_to_f64(%x: tensor<4xi64>) -> tensor<4xf64> {
  %r = arith.sitofp %x : tensor<4xi64> to tensor<4xf64>
  return %r : tensor<4xf64>
}
func.func @f32_to_i8(%x: tensor<4xf32>) -> tensor<4xi8> {
  %r = arith.fptosi %x : tensor<4xf32> to tensor<4xi8>
  return %r : tensor<4xi8>
}
func.func @f8e5m2_to_f32(%x: tensor<8xf8E5M2>) -> tensor<8xf32> {
  %r = arith.extf %x : tensor<8xf8E5M2> to tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @f32_to_f8e5m2(%x: tensor<8xf32>) -> tensor<8xf8E5M2> {
  %r = arith.truncf %x : tensor<8xf32> to tensor<8xf8E5M2>
  return %r : tensor<8xf8E5M2>
}
func.func @f8e5m2(%x: tensor<8xf8E5M2>) -> tensor<8xf8E5M2> {
  return %x : tensor<8xf8E5M2>
}
func.func @f8e4m3fn_to_f32(%x: tensor<8xf8E4M3FN>) -> tensor<8xf32> {
  %r = arith.extf %x : tensor<8xf8E4M3FN> to tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @f32_to_f8e4m3fn(%x: tensor<8xf32>) -> tensor<8xf8E4M3FN> {
  %r = arith.truncf %x : tensor<8xf32> to tensor<8xf8E4M3FN>
  return %r : tensor<8xf8E4M3FN>
}
func.func @f8e4m3fn(%x: tensor<8xf8E4M3FN>) -> tensor<8xf8E4M3FN> {
  return %x : tensor<8xf8E4M3FN>
}
func.func @f8e5m2fnuz_to_f32(%x: tensor<8xf8E5M2FNUZ>) -> tensor<8xf32> {
  %r = arith.extf %x : tensor<8xf8E5M2FNUZ> to tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @f32_to_f8e5m2fnuz(%x: tensor<8xf32>) -> tensor<8xf8E5M2FNUZ> {
  %r = arith.truncf %x : tensor<8xf32> to tensor<8xf8E5M2FNUZ>
  return %r : tensor<8xf8E5M2FNUZ>
}
func.func @f8e5m2fnuz(%x: tensor<8xf8E5M2FNUZ>) -> tensor<8xf8E5M2FNUZ> {
  return %x : tensor<8xf8E5M2FNUZ>
}
func.func @f8e4m3fnuz_to_f32(%x: tensor<8xf8E4M3FNUZ>) -> tensor<8xf32> {
  %r = arith.extf %x : tensor<8xf8E4M3FNUZ> to tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @f32_to_f8e4m3fnuz(%x: tensor<8xf32>) -> tensor<8xf8E4M3FNUZ> {
  %r = arith.truncf %x : tensor<8xf32> to tensor<8xf8E4M3FNUZ>
  return %r : tensor<8xf8E4M3FNUZ>
}
func.func @f8e4m3fnuz(%x: tensor<8xf8E4M3FNUZ>) -> tensor<8xf8E4M3FNUZ> {
  return %x : tensor<8xf8E4M3FNUZ>
}
func.func @f8e8m0fnu_to_f32(%x: tensor<8xf8E8M0FNU>) -> tensor<8xf32> {
  %r = arith.extf %x : tensor<8xf8E8M0FNU> to tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @id_si8(%x: tensor<4xsi8>) -> tensor<4xsi8> {
  return %x : tensor<4xsi8>
}
func.func @id_ui8(%x: tensor<4xui8>) -> tensor<4xui8> {
  return %x : tensor<4xui8>
}
func.func @id_si16(%x: tensor<4xsi16>) -> tensor<4xsi16> {
  return %x : tensor<4xsi16>
}
func.func @id_ui16(%x: tensor<4xui16>) -> tensor<4xui16> {
  return %x : tensor<4xui16>
}
func.func @id_si32(%x: tensor<4xsi32>) -> tensor<4xsi32> {
  return %x : tensor<4xsi32>
}
func.func @id_ui32(%x: tensor<4xui32>) -> tensor<4xui32> {
  return %x : tensor<4xui32>
}
func.func @id_si64(%x: tensor<4xsi64>) -> tensor<4xsi64> {
  return %x : tensor<4xsi64>
}
func.func @id_ui64(%x: tensor<4xui64>) -> tensor<4xui64> {
  return %x : tensor<4xui64>
}
func.func @id_f8e8m0fnu(%x: tensor<4xf8E8M0FNU>) -> tensor<4xf8E8M0FNU> {
  return %x : tensor<4xf8E8M0FNU>
}
func.func @less(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xi1> {
  %r = arith.cmpf olt, %x, %y : tensor<4xf32>
  return %r : tensor<4xi1>
}
func.func @pick(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %r = arith.select %c, %x, %y : tensor<4xi1>, tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @mixed(%a: tensor<4xi8>, %b: tensor<4xi64>, %c: tensor<4xf16>, %d: tensor<4xf64>)
    -> (tensor<4xf64>, tensor<4xi8>) {
  %0 = arith.sitofp %a : tensor<4xi8> to tensor<4xf64>
  %1 = arith.sitofp %b : tensor<4xi64> to tensor<4xf64>
  %2 = arith.extf %c : tensor<4xf16> to tensor<4xf64>
  %3 = arith.addf %0, %1 : tensor<4xf64>
  %4 = arith.addf %2, %d : tensor<4xf64>
  %5 = arith.mulf %3, %4 : tensor<4xf64>
  %6 = arith.trunci %b : tensor<4xi64> to tensor<4xi8>
  return %5, %6 : tensor<4xf64>, tensor<4xi8>
}
