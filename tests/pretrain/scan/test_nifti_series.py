import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from selip_pretrain.scan.nifti_series import nifti_series
from selip_pretrain.scan.sequence_rules import read_rules

RULES = read_rules()
NAMES = {
    "T1": "BraTS-GLI-00000-000-t1n|UCSF-PDGM-0004_T1|UPENN-GBM-00001_11_T1|TCGA-CS-4941_1996.07.12_t1|3DT1|reg_3DT1|"
    "P1_T1_T1|P12_T2_T1|sub-01_ses-post_T1w|sub-01_ses-pre_run-2_T1w|OAS1_0001_MR1_mpr-1_anon|MP-RAGE|MP RAGE|"
    "ADNI_002_S_0413_MR_MPR__GradWarp__B1_Correction__N3__Scaled_Br_20070216232854688_S14782_I40657|"
    "sub_001_T1|ADNI_002_MR_MPR-R__GradWarp__N3__Scaled|T1_to_MNI|sub-01_desc-preproc_T1w|UCSF-PDGM-0004_T1_bias|IXI012-HH-1211-T1|"
    "UPENN-GBM-00001_11_T1_unstripped|sub-r001s001_ses-1_space-MNI152NLin2009aSym_T1w|T1w_acpc_dc_restore|sub-OAS30001_ses-d0129_run-01_T1w|VSD.Brain.XX.O.MR_T1.70616|anat_T1w",
    "T1CE": "BraTS-GLI-00000-000-t1c|UCSF-PDGM-0004_T1c|UCSF-PDGM-0004_T1c_bias|UPENN-GBM-00001_11_T1GD|"
    "TCGA-CS-4941_1996.07.12_t1Gd|sub-01_ce-gadolinium_T1w|VSD.Brain.XX.O.MR_T1c.70616|sub-01_ses-pre_acq-post_T1w",
    "T2": "BraTS-GLI-00000-000-t2w|UCSF-PDGM-0004_T2|UPENN-GBM-00001_11_T2|P1_T1_T2|sub-01_T2w|sub-01_inplaneT2|"
    "T2_to_T1|IXI012-HH-1211-T2",
    "FLAIR": "BraTS-GLI-00000-000-t2f|UCSF-PDGM-0004_FLAIR|UPENN-GBM-00001_11_FLAIR|P1_T1_FLAIR|P9_T2_FLAIR|"
    "sub-strokecase0001_ses-0001_flair|sub-strokecase0001_ses-0001_FLAIR|FLAIR_to_T1|flair_time01_pp|T2-FLAIR",
    "DWI": "sub-strokecase0001_ses-0001_dwi|UCSF-PDGM-0004_DWI",
    "ADC": "sub-strokecase0001_ses-0001_adc|UCSF-PDGM-0004_ADC|dwi_ADC|sub-01_desc-ADC_dwi",
    "SWI": "UCSF-PDGM-0004_SWI|sub-01_swi",
    None: "sub-strokecase0001_ses-0001_msk|UCSF-PDGM-0004_tumor_segmentation|UCSF-PDGM-0004_DTI_eddy_FA|wmh|P1_T1_MASK|"
    "UCSF-PDGM-0004_brain_parenchyma_segmentation|UCSF-PDGM-0004_ASL|UPENN-GBM-00001_11_DTI_FA|3DT1_mask|"
    "UPENN-GBM-00001_11_DSC_ap-rCBV|TCGA-CS-4941_GlistrBoost|BraTS-GLI-00000-000-seg|sub-01_task-rest_bold|sub-01_PDw|"
    "sub-01_T1map|sub-01_T2starw|sub-01_phasediff|sub-01_magnitude1|sub-01_dir-AP_epi|sub-01_angio|sub-01_UNIT1|"
    "sub-01_acq-t1_mask|T1_MPR|T1_brain_pve_1|T1_to_MNI_warp|T1_fast_bias|dwi_MD|sub-01_desc-MD_dwimap|IXI012-HH-1211-PD|"
    "IXI012-HH-1211-DTI-00|sub-r001s001_label-L_desc-T1lesion_mask|UCSF-PDGM-0004_DTI_eddy_MD|sub-01_part-phase_swi",
}  # fmt: skip

COMPUTED = (
    "wmT1|y_T1|rp_T1|iy_sub-01_T1w|mT1|wT1|rT2|rFLAIR|smwT1|swT1w|msub-01_T1w|wmsub-01_T1w|"
    "meansub-01_T1w|c1T1|c2sub-01_T1w|mwc1T1|smwc1T1|rc1T1|mwp1sub-01_T1w|p0T1|rp1T1|u_rc1T1_Template|"
    "BiasField_T1|y_sub-01_T1w|rDWI|rADC|mFFE_T2|T1_brain_mask|T1_bet_mask|T1_brain_pve_0|"
    "T1_brain_pveseg|T1_brain_mixeltype|T1_to_MNI_nonlin_field|T1_to_MNI_nonlin_coeff|"
    "T1_to_MNI_nonlin_jac|T1_fast_pve_2|T1_1Warp|T1_1InverseWarp|T1_BrainExtractionMask|"
    "T1_BrainSegmentation|T1_CorticalThickness|T1_synthseg|aparc+aseg|brainmask|brain.finalsurfs|wm|"
    "ribbon|sub-01_desc-brain_mask|sub-01_space-MNI152NLin6Asym_label-GM_probseg|"
    "sub-01_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm|sub-01_desc-aparcaseg_dseg|sub-01_T2star|"
    "sub-01_FLASH|sub-01_PDT2|sub-01_MEGRE|sub-01_MP2RAGE|sub-01_inv-1_MP2RAGE|sub-01_MTR|sub-01_R2map|"
    "sub-01_Chimap|sub-01_T2starmap|sub-01_sbref|sub-01_m0scan|sub-01_asl|sub-01_defacemask|9_swi_e1_ph|"
    "9_swi_ph|9_swi_real|9_swi_imaginary|9_t2_tse_tra_ROI1"
)
"""Fields, masks, maps and images of SPM, CAT12, FSL, FreeSurfer, ANTs, BIDS and dcm2niix."""
DERIVED_IMAGES = (
    "T1_brain|T1_bet|T1_biascorr|T1_biascorr_brain|T1_to_MNI_nonlin|T1_to_MNI_lin|T1Warped|T1_Warped|"
    "T1_N4|T1_BrainExtractionBrain|T2_hdbet|sub-01_space-MNI152NLin2009cAsym_desc-preproc_T1w|"
    "9_t2_tse_tra_Eq_1"
)
ORIGINALS = (
    "T1|sT1W_3D_TFE|eT1W_SE|mDIXON_T1W|MR_T1|w_T1|r001_T1|m12_FLAIR|T1_orig|sub-01_acq-highres_T1w|"
    "sub-01_rec-norm_T1w|sub-01_ce-gd_T1w|sub-01_acq-tse_T2w|sub-01_inplaneT1|sub-01_dir-PA_dwi|"
    "7_t1_mprage_sag_20210101|7_t1_mprage_sag_e1|Ph_201_T1W_TSE_Sno"
)


def sequence(path: Path) -> str | None:
    rule = RULES.recognise(nifti_series(path.parent, path, RULES)[0].attributes)
    return None if rule is None else rule.modality


@pytest.mark.parametrize("name", COMPUTED.split("|"))
def test_what_programs_compute_is_no_image(tmp_path: Path, name: str) -> None:
    assert sequence(tmp_path / f"{name}.nii.gz") is None


@pytest.mark.parametrize("name", [*DERIVED_IMAGES.split("|"), *ORIGINALS.split("|")])
def test_a_derived_image_is_known_as_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.nii.gz"
    assert sequence(path) is not None
    image_type = nifti_series(tmp_path, path, RULES)[0].attributes.image_type
    assert ("DERIVED" in image_type) == (name in DERIVED_IMAGES.split("|"))


@pytest.mark.parametrize(("expected", "name"), [(key, name) for key in NAMES for name in NAMES[key].split("|")])
def test_names_of_public_data_sets(tmp_path: Path, expected: str | None, name: str) -> None:
    assert sequence(tmp_path / f"{name}.nii.gz") == expected


SPIN_ECHO = {"ScanningSequence": "SE", "RepetitionTime": 0.5, "EchoTime": 0.01}
DIFFUSION = {"SeriesDescription": "ep2d_diff", "ScanningSequence": "EP"}


@pytest.mark.parametrize(
    ("sidecar", "b_value", "expected"),
    [
        ({"SeriesDescription": "t2_tse_tra", "ProtocolName": "t2_tse_tra"}, None, "T2"),
        (SPIN_ECHO, None, "T1"),
        (SPIN_ECHO | {"ContrastBolusAgent": "Gadovist"}, None, "T1CE"),
        (SPIN_ECHO | {"ContrastBolusAgent": "NO CONTRAST"}, None, "T1"),
        (DIFFUSION | {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, None, "ADC"),
        (DIFFUSION | {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "FA"]}, None, None),
        (DIFFUSION, "1000", "DWI"),
        (DIFFUSION, "0", None),
        (DIFFUSION, "0 1000", "DWI"),
        ({"SeriesDescription": "t2_tse_sag", "BodyPartExamined": "CSPINE"}, None, None),
        ({"SeriesDescription": "t2_tse_sag", "ProcedureStepDescription": "MR CERVICAL SPINE"}, None, None),
        ({"SeriesDescription": "t2", "InversionTime": 0.16, "ScanningSequence": "SE_IR"}, None, None),
        ({"SeriesDescription": ["no text"], "RepetitionTime": "slow"}, None, None),
    ],
)
def test_the_sidecar_of_dcm2niix(
    tmp_path: Path, sidecar: dict[str, Any], b_value: str | None, expected: str | None
) -> None:
    (tmp_path / "scan_7.json").write_text(json.dumps(sidecar))
    if b_value is not None:
        (tmp_path / "scan_7.bval").write_text(b_value)
    assert sequence(tmp_path / "scan_7.nii.gz") == expected


def test_a_sidecar_that_was_compressed_with_its_image(tmp_path: Path) -> None:
    (tmp_path / "scan_7.json.gz").write_bytes(gzip.compress(json.dumps(DIFFUSION).encode()))
    (tmp_path / "scan_7.bval.gz").write_bytes(gzip.compress(b"1000"))
    assert sequence(tmp_path / "scan_7.nii.gz") == "DWI"
    (tmp_path / "scan_7.json.gz").write_bytes(b"\x1f\x8bdamaged")
    assert sequence(tmp_path / "scan_7.nii.gz") == "DWI"


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_a_sidecar_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "T1.json").write_bytes(content)
    assert sequence(tmp_path / "T1.nii") == "T1"
