# SDPose-T taught by MMPose's HRNet-W48: its heatmaps, and its features, which have the stem's grid.
_base_ = ['./td-hm_sdpose-t_8xb64-300e_coco-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher='mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-210e_coco-256x192.py',
    teacher_ckpt='https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_hrnet-w48_8xb32-210e_coco-256x192-0e67c616_20220913.pth',
    losses=dict(
        heatmaps=dict(type='KeypointMSELoss', use_target_weight=True),
        features=dict(
            type='FeatureLoss',
            student_module='backbone[-1]',
            teacher_module='backbone[-1]',
            loss_weight=1e-3,  # about the size of the heatmaps' loss at the start; not tuned
        ),
    ),
)
