# Small models of MMPose, by its own configs.
zoo = 'mmpose::body_2d_keypoint/'
peers = dict(
    rtmpose_t=dict(config=zoo + 'rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'),
    rtmpose_s=dict(config=zoo + 'rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py'),
    litehrnet=dict(
        config=zoo + 'topdown_heatmap/coco/td-hm_litehrnet-18_8xb64-210e_coco-256x192.py'
    ),
    mobilenetv2=dict(
        config=zoo + 'topdown_heatmap/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py'
    ),
    shufflenetv2=dict(
        config=zoo + 'topdown_heatmap/coco/td-hm_shufflenetv2_8xb64-210e_coco-256x192.py'
    ),
    # MMPose has no config of ResNet-18; ResNet-50's, with what is different.
    resnet18=dict(
        config=zoo + 'topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
        options={'model.backbone.depth': 18, 'model.head.in_channels': 512},
    ),
)
