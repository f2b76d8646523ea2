# Backbone and head of RTMPose-s (Jiang et al., https://arxiv.org/abs/2303.07399), as in MMPose's config,
# but without SyncBN. Another size is another depth and width.
_base_ = ['./simcc.py']

cspnext = dict(
    type='CSPNeXt',
    arch='P5',
    expand_ratio=0.5,
    deepen_factor=0.33,
    widen_factor=0.5,
    out_indices=(4,),
    channel_attention=True,
    norm_cfg=dict(type='BN'),
    act_cfg=dict(type='SiLU'),
)
rtmcc_head = dict(
    type='RTMCCHead',
    in_channels=512,
    simcc_split_ratio=2.0,
    final_layer_kernel_size=7,
    gau_cfg=dict(
        hidden_dims=256,
        s=128,
        expansion_factor=2,
        dropout_rate=0.0,
        drop_path=0.0,
        act_fn='SiLU',
        use_rel_bias=False,
        pos_enc=False,
    ),
    loss=_base_.simcc_loss,
)
rtmcc_head_256x192 = dict(
    rtmcc_head,
    out_channels=17,
    input_size=_base_.simcc_256x192['input_size'],
    in_featuremap_size=(6, 8),
    decoder=_base_.simcc_256x192,
)

# Of the small data sets, for 128x96.
small_rtmcc_head = dict(
    rtmcc_head, input_size=(96, 128), in_featuremap_size=(3, 4), decoder=_base_.small_simcc
)

# The losses of DWPose (Yang et al., https://arxiv.org/abs/2307.15880), for distillations, with official
# weights. The distributions of all joints are compared, whether they are labelled or not.
dwpose_losses = dict(
    features=dict(
        type='FeatureLoss',
        student_module='backbone[-1]',
        teacher_module='backbone[-1]',
        reduction='sum',
        loss_weight=7e-5,
    ),
    simcc=dict(type='SimCCDistributionLoss', beta=10.0, loss_weight=0.1, weights='all'),
)
