// Products of matrices, which data tiling turns into pack, mmt4d and unpack: sizes that fill no
// tile, sizes that are known only when it runs (query_tile_sizes).
func.func @f32(%a: tensor<37x53xf32>, %b: tensor<53x29xf32>) -> tensor<37x29xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<37x29xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<37x29xf32>) -> tensor<37x29xf32>
  %r = linalg.matmul ins(%a, %b : tensor<37x53xf32>, tensor<53x29xf32>)
                     outs(%f : tensor<37x29xf32>) -> tensor<37x29xf32>
  return %r : tensor<37x29xf32>
}

func.func @i8(%a: tensor<9x40xi8>, %b: tensor<40x17xi8>) -> tensor<9x17xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<9x17xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<9x17xi32>) -> tensor<9x17xi32>
  %r = linalg.matmul ins(%a, %b : tensor<9x40xi8>, tensor<40x17xi8>)
                     outs(%f : tensor<9x17xi32>) -> tensor<9x17xi32>
  return %r : tensor<9x17xi32>
}

func.func @f32_any(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %c: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>)
                     outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

func.func @i8_any(%a: tensor<?x?xi8>, %b: tensor<?x?xi8>, %c: tensor<?x?xi32>)
    -> tensor<?x?xi32> {
  %r = linalg.matmul ins(%a, %b : tensor<?x?xi8>, tensor<?x?xi8>)
                     outs(%c : tensor<?x?xi32>) -> tensor<?x?xi32>
  return %r : tensor<?x?xi32>
}
