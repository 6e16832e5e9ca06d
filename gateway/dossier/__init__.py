"""The one file that a court, an examiner or an applicant is handed, and the verdict about it."""
