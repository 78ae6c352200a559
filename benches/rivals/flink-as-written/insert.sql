CREATE VIEW countries (country_code, country_name) AS
VALUES ('US', 'United States'), ('IN', 'India'), ('DE', 'Germany'), ('SG', 'Singapore');

INSERT INTO users_enriched
SELECT
    user_id, name, email, email_domain, u.country_code, country_name,
    COALESCE(LOWER(email_domain) IN ('contoso.com', 'autodesk.com', 'company.com'), FALSE),
    is_deleted, CAST(updated_at AS TIMESTAMP(3))
FROM newest AS u LEFT JOIN countries AS c ON u.country_code = c.country_code;
