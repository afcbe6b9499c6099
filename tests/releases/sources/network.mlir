// Weights in the file, a product, a bias, a maximum, sums of rows.
func.func @network(%x: tensor<4x16xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  %w = arith.constant dense<[
    [1.0, -2.0, 0.5, 3.0, -1.5, 0.25, 2.0, -0.75], [0.5, 1.0, -1.0, 2.5, 0.75, -3.0, 1.5, 0.125],
    [2.0, 0.25, 1.5, -0.5, 1.0, -1.0, 0.5, 3.0], [-1.0, 3.0, 0.75, 0.5, -2.0, 1.25, -0.25, 1.0],
    [0.125, -0.5, 2.0, 1.0, 0.5, 3.0, -1.5, -2.0], [1.5, 0.5, -0.25, -3.0, 2.0, 1.0, 0.75, 0.5],
    [-0.5, 2.0, 1.0, 0.25, 3.0, -0.75, 1.0, -1.0], [3.0, -1.0, 0.125, 1.5, 0.5, 2.0, -2.0, 0.25],
    [0.25, 1.5, -3.0, 2.0, -0.5, 0.5, 1.0, 0.75], [1.0, 0.75, 2.5, -1.0, 0.25, -0.5, 3.0, 2.0],
    [-2.0, 1.0, 0.5, 0.75, 1.5, 0.125, -1.0, 0.5], [0.5, -0.25, 1.0, 3.0, -1.0, 2.0, 0.5, 1.5],
    [2.5, 0.5, -1.5, 0.25, 1.0, 1.0, -0.5, -3.0], [-0.75, 3.0, 2.0, -2.0, 0.5, -1.0, 0.25, 1.0],
    [1.0, -1.0, 0.75, 0.5, 2.0, 0.5, 1.5, -0.25], [0.5, 2.0, -0.5, 1.0, -3.0, 0.75, 0.125, 2.5]
  ]> : tensor<16x8xf32>
  %bias = arith.constant dense<[0.5, -1.5, 2.5, -3.5, 0.25, 1.0, -0.75, 0.0]> : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %p = linalg.matmul ins(%x, %w : tensor<4x16xf32>, tensor<16x8xf32>)
                     outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%p, %bias : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    %1 = arith.maximumf %0, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.reduce ins(%t : tensor<4x8xf32>) outs(%f1 : tensor<4xf32>) dimensions = [1]
    (%in: f32, %sum: f32) {
      %0 = arith.addf %in, %sum : f32
      linalg.yield %0 : f32
    }
  return %t, %s : tensor<4x8xf32>, tensor<4xf32>
}
