// The operations models are made of.

func.func @matmul(%x: tensor<16x32xf32>, %y: tensor<32x24xf32>) -> tensor<16x24xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x24xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x24xf32>) -> tensor<16x24xf32>
  %r = linalg.matmul ins(%x, %y : tensor<16x32xf32>, tensor<32x24xf32>)
                     outs(%f : tensor<16x24xf32>) -> tensor<16x24xf32>
  return %r : tensor<16x24xf32>
}
func.func @matmul_i8(%x: tensor<8x16xi8>, %y: tensor<16x8xi8>) -> tensor<8x8xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x8xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<8x8xi32>) -> tensor<8x8xi32>
  %r = linalg.matmul ins(%x, %y : tensor<8x16xi8>, tensor<16x8xi8>)
                     outs(%f : tensor<8x8xi32>) -> tensor<8x8xi32>
  return %r : tensor<8x8xi32>
}
func.func @batch_matmul(%x: tensor<3x4x5xf32>, %y: tensor<3x5x6xf32>) -> tensor<3x4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4x6xf32>) -> tensor<3x4x6xf32>
  %r = linalg.batch_matmul ins(%x, %y : tensor<3x4x5xf32>, tensor<3x5x6xf32>)
                           outs(%f : tensor<3x4x6xf32>) -> tensor<3x4x6xf32>
  return %r : tensor<3x4x6xf32>
}
func.func @conv(%x: tensor<1x10x10x3xf32>, %w: tensor<3x3x3x8xf32>) -> tensor<1x8x8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %r = linalg.conv_2d_nhwc_hwcf
    {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x10x10x3xf32>, tensor<3x3x3x8xf32>)
    outs(%f : tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %r : tensor<1x8x8x8xf32>
}
func.func @max_pool(%x: tensor<1x8x8x4xf32>) -> tensor<1x4x4x4xf32> {
  %low = arith.constant 0xFF800000 : f32
  %win = tensor.empty() : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x4x4x4xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %r = linalg.pooling_nhwc_max
    {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
    ins(%x, %win : tensor<1x8x8x4xf32>, tensor<2x2xf32>)
    outs(%f : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  return %r : tensor<1x4x4x4xf32>
}
func.func @sum(%x: tensor<1000xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.reduce {arith.addf} ins(%x : tensor<1000xf32>) outs(%f : tensor<f32>)
    dimensions = [0]
  return %r : tensor<f32>
}
func.func @max_rows(%x: tensor<6x50xi32>) -> tensor<6xi32> {
  %low = arith.constant -2147483648 : i32
  %e = tensor.empty() : tensor<6xi32>
  %f = linalg.fill ins(%low : i32) outs(%e : tensor<6xi32>) -> tensor<6xi32>
  %r = linalg.reduce {arith.maxsi} ins(%x : tensor<6x50xi32>) outs(%f : tensor<6xi32>)
    dimensions = [1]
  return %r : tensor<6xi32>
}
func.func @softmax(%x: tensor<5x17xf32>) -> tensor<5x17xf32> {
  %e = tensor.empty() : tensor<5x17xf32>
  %r = linalg.softmax dimension(1) ins(%x : tensor<5x17xf32>) outs(%e : tensor<5x17xf32>)
    -> tensor<5x17xf32>
  return %r : tensor<5x17xf32>
}
func.func @gather(%x: tensor<10x4xf32>, %i: tensor<6xi32>) -> tensor<6x4xf32> {
  %e = tensor.empty() : tensor<6x4xf32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>],
    iterator_types = ["parallel", "parallel"]
  } ins(%i : tensor<6xi32>) outs(%e : tensor<6x4xf32>) {
  ^bb0(%k: i32, %o: f32):
    %row = arith.index_cast %k : i32 to index
    %col = linalg.index 1 : index
    %v = tensor.extract %x[%row, %col] : tensor<10x4xf32>
    linalg.yield %v : f32
  } -> tensor<6x4xf32>
  return %r : tensor<6x4xf32>
}
func.func @scatter_add(%x: tensor<10xf32>, %i: tensor<6x1xi32>, %v: tensor<6xf32>)
    -> tensor<10xf32> {
  %r = iree_linalg_ext.scatter dimension_map = [0] unique_indices(false)
    ins(%v, %i : tensor<6xf32>, tensor<6x1xi32>) outs(%x : tensor<10xf32>) {
  ^bb0(%new: f32, %old: f32):
    %s = arith.addf %old, %new : f32
    iree_linalg_ext.yield %s : f32
  } -> tensor<10xf32>
  return %r : tensor<10xf32>
}
func.func @sort(%x: tensor<20xi32>) -> tensor<20xi32> {
  %r = iree_linalg_ext.sort dimension(0) outs(%x : tensor<20xi32>) {
  ^bb0(%a: i32, %b: i32):
    %c = arith.cmpi slt, %a, %b : i32
    iree_linalg_ext.yield %c : i1
  } -> tensor<20xi32>
  return %r : tensor<20xi32>
}
func.func @pad(%x: tensor<2x3xf32>) -> tensor<4x6xf32> {
  %v = arith.constant -1.0 : f32
  %r = tensor.pad %x low[1, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %v : f32
  } : tensor<2x3xf32> to tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
func.func @concat(%x: tensor<2x3xf32>, %y: tensor<1x3xf32>) -> tensor<3x3xf32> {
  %r = tensor.concat dim(0) %x, %y : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}
func.func @functions(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %0 = math.exp %x : tensor<8xf32>
  %1 = math.tanh %x : tensor<8xf32>
  %2 = math.erf %x : tensor<8xf32>
  return %0, %1, %2 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
