# The scales small and full: the published models at 256x192, for an accelerator.
_base_ = ['./photos.py']

sdpose = 'td-hm_sdpose-s-v1_8xb64-300e_coco-256x192'
ladpose = 'td-reg_ladpose_distill-tokenpose-s-v1_8xb64-300e_coco-256x192'
published = dict(
    sdpose=dict(config=sdpose),
    sdpose_untrained=dict(config=sdpose),
    sdpose_deep=dict(config=sdpose, options={'model.head.encoder.depth': 24}),
    sdpose_quarter_batch=dict(config=sdpose, options={'train_dataloader.batch_size': 16}),
    sdpose_weak_distances=dict(
        config=sdpose,
        options={
            'model.head.visual_token_loss.loss_weight': 5e-8,
            'model.head.keypoint_token_loss.loss_weight': 5e-8,
        },
    ),
    sdpose_cycle_attention=dict(config='td-hm_sdpose-s-v1_cycle-attention_8xb64-300e_coco-256x192'),
    teacher=dict(config='td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192'),
    student=dict(config='td-reg_ladpose_8xb64-300e_coco-256x192'),
    distilled=dict(config=ladpose),
    distilled_last_layers=dict(
        config=ladpose, options={'model.losses.attention.layer_pairs': [(9, 12)]}
    ),
    stemnet=dict(config='td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192'),
    caunet=dict(
        config='td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192',
        options={'model.backbone': dict(_delete_=True, type='CAUNet')},
    ),
)
# SDPose-S-V1 with the other head.
sdpose_simcc = dict(
    sdpose_simcc_untrained=dict(
        config='td-simcc_sdpose-n_8xb64-300e_coco-256x192',
        options={
            'model.backbone': dict(_delete_=True, type='StemNet'),
            'model.head.in_channels': 256,
            'model.head.in_featuremap_size': (48, 64),
            'model.head.patch_size': (4, 3),
            'model.head.encoder': dict(embed_dims=192, depth=12, num_heads=8),
            'model.head.hidden_dims': 384,
        },
    ),
)
of_crowdpose = {
    name: dict(model, config=model['config'].replace('_coco-', '_crowdpose-'))
    for name, model in published.items()
}

small = dict(
    about='SynthPose at 256x192, the published models, 30 epochs from nothing',
    recipe='{{fileDirname}}/recipe_small_synthpose-256x192.py',
    models=dict(**published, **sdpose_simcc, **_base_.peers),
)
# One recipe for all, the published one of SDPose, whatever a model's own config says.
full = dict(
    about='COCO at 256x192, the published models and recipe',
    recipe='td-hm_sdpose-t_8xb64-300e_coco-256x192',
    models=dict(**published, **sdpose_simcc, **_base_.peers),
    seeds=1,
)
full_crowdpose = dict(
    about='CrowdPose at 256x192, the published models and recipe',
    recipe='td-hm_sdpose-t_8xb64-300e_crowdpose-256x192',
    models=of_crowdpose,
    seeds=1,
)
