"""What an export takes out of the manifest: one query for each of its tables.

What the columns mean and how they are written to files belongs to `resources/exchange`.
"""

from __future__ import annotations

__all__ = ["QUERIES"]

_SHOWN = "photos p LEFT JOIN previews v USING (sha256, page)"

# Sorted, so that two exports of one library are equal.
QUERIES = {
    "photos": f"""
        SELECT p.photo_id, p.document_id, p.page, p.pages, p.sha256, v.pixel_hash,
            lower(lpad(to_hex(v.perceptual_hash), 16, '0')) AS perceptual_hash,
            p.file_name, coalesce(here.paths, []) AS paths, p.format, p.mime, p.width, p.height, p.size_bytes,
            p.taken_at, p.taken_at_offset_min, p.taken_at_source,
            p.camera_make, p.camera_model, p.lens, p.focal_length_mm, p.focal_length_35mm, p.f_number, p.exposure_s,
            p.exposure_bias_ev, p.iso, p.flash_fired, p.gps_lat, p.gps_lon, p.gps_alt_m,
            p.country_code, p.country, p.region, p.city, p.place_source, p.orientation, p.rating, p.color_label,
            p.title, p.description, p.keywords, p.people, p.burst_id, p.motion, p.decode_rung, p.warnings,
            p.created_at, p.hidden_at
        FROM {_SHOWN} LEFT JOIN (
            SELECT f.photo_id AS document_id, list(r.path || '/' || f.rel_path ORDER BY r.path, f.rel_path) AS paths
            FROM files f JOIN roots r USING (root_id)
            WHERE f.missing_since IS NULL AND f.photo_id IS NOT NULL GROUP BY f.photo_id
        ) here USING (document_id)
        ORDER BY p.photo_id""",
    "files": """
        SELECT f.photo_id AS document_id, r.path AS root_path, f.rel_path, f.size_bytes, f.mtime_ns, f.sha256,
            f.sidecar, f.first_seen_at, f.missing_since
        FROM files f JOIN roots r USING (root_id) WHERE f.photo_id IS NOT NULL ORDER BY r.path, f.rel_path""",
    "tags": "SELECT photo_id, tag, created_at FROM tags ORDER BY photo_id, tag",
    "ratings": "SELECT photo_id, rating, given_at FROM given_ratings ORDER BY photo_id",
    "written_captions": "SELECT photo_id, text, written_at FROM written_captions ORDER BY photo_id",
    "computed_captions": f"""
        SELECT p.photo_id, v.pixel_hash, c.model, c.revision, c.preprocess_version, c.text, c.created_at
        FROM {_SHOWN} JOIN captions c ON c.pixel_hash = v.pixel_hash
        ORDER BY p.photo_id, c.model, c.revision, c.preprocess_version""",
    "collections": """
        SELECT collection_id, name, cover_photo_id, created_at, updated_at, last_searched_at
        FROM collections ORDER BY name""",
    "collection_photos": """
        SELECT collection_id, photo_id, added_at FROM collection_photos ORDER BY collection_id, photo_id""",
    "saved_searches": """
        SELECT name, request, created_at, updated_at, last_run_at, last_count FROM saved_searches ORDER BY name""",
    "stacks": "SELECT stack_id, photo_id, kind, is_cover, position FROM stacks ORDER BY stack_id, position",
    "stack_separations": """
        SELECT choice_id, photo_id, part, decided_at FROM stack_separations ORDER BY choice_id, part, photo_id""",
    "stack_covers": "SELECT photo_id, decided_at FROM stack_covers ORDER BY photo_id",
    "not_duplicates": """
        SELECT photo_a AS photo_id, photo_b AS other_photo_id, decided_at FROM not_duplicates ORDER BY ALL""",
    "hidden": "SELECT sha256, photo_id, hidden_at FROM hidden_content ORDER BY sha256",
    "projections": "SELECT model, photo_id, x, y, created_at FROM projections ORDER BY model, photo_id",
}
