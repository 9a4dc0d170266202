"""All that the control plane answers, in one table."""

from lichen.api import (
    admin_accounts,
    admin_budgets,
    admin_data,
    admin_deployments,
    admin_jobs,
    admin_models,
    admin_outlooks,
    admin_plans,
    admin_predictions,
    admin_pulls,
    admin_regular_files,
    admin_reports,
    admin_savings,
    admin_schedules,
)
from lichen.api.admin_routes import Route

ROUTES: tuple[Route, ...] = (
    *admin_accounts.ROUTES,
    *admin_outlooks.ROUTES,
    *admin_data.ROUTES,
    *admin_jobs.ROUTES,
    *admin_schedules.ROUTES,
    *admin_regular_files.ROUTES,
    *admin_plans.ROUTES,
    *admin_models.ROUTES,
    *admin_pulls.ROUTES,
    *admin_deployments.ROUTES,
    *admin_predictions.ROUTES,
    *admin_budgets.ROUTES,
    *admin_reports.ROUTES,
    *admin_savings.ROUTES,
)
