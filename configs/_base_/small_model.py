# The small models of ours, called -N: a ResNet-18 of half the width and three stages (stride 16), and 4
# layers over its cells, each a visual token. The bases and configs that have them put them in and say
# how many cells there are.
small_backbone = dict(type='ThinResNet')
small_head = dict(
    in_channels=128,
    patch_size=(1, 1),
    encoder=dict(embed_dims=128, depth=4, num_heads=4),
    hidden_dims=None,
)
# Their backbone under MMPose's own heatmap head: what learns from nothing, and teaches.
small_heatmap_head = dict(
    type='HeatmapHead',
    in_channels=128,
    deconv_out_channels=(64, 64),
    deconv_kernel_sizes=(4, 4),
    loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=100),
)
# Students, LADPose-N and DistilPose-N, have a layer less than what teaches them.
small_student_head = dict(small_head, encoder=dict(small_head['encoder'], depth=3))
