-- Without the join its rows keep the key of the table, in order: the sink needs no state of its own to put them right.
INSERT INTO users_enriched
SELECT
    user_id, name, email, email_domain, country_code,
    CASE country_code WHEN 'US' THEN 'United States' WHEN 'IN' THEN 'India' WHEN 'DE' THEN 'Germany' WHEN 'SG' THEN 'Singapore' END,
    COALESCE(LOWER(email_domain) IN ('contoso.com', 'autodesk.com', 'company.com'), FALSE),
    is_deleted, CAST(updated_at AS TIMESTAMP(3))
FROM newest;
