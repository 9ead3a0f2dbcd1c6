/** Vacancies for the demo, written for it. */

export const vacancies = {
  backend: `Backend-разработчик в команду доставки

Чем предстоит заниматься:
- Развивать сервис расчёта маршрутов
- Разбирать инциденты вместе с дежурными

Требования:
- Коммерческая разработка на TypeScript и Node.js от 3 лет
- Опыт работы с Kafka или RabbitMQ
- Уверенное знание PostgreSQL
- Redis
- Docker и Kubernetes
- Автоматические тесты
- Английский язык B2

Мы предлагаем:
- Удалённую работу, ДМС с первого дня`,

  analyst: `Аналитик данных, розничная сеть

Нам нужен человек, который отвечает на вопросы бизнеса цифрами.

Что необходимо:
1. Уверенный SQL: оконные функции, оптимизация запросов
2. Python, pandas
3. Проведение A/B-тестов
4. Построение дашбордов в Power BI или Tableau
5. Математическая статистика
6. Опыт в рознице или электронной коммерции`,

  frontend: `Frontend engineer, booking platform

Requirements:
- 3+ years of React in production
- TypeScript
- Accessibility: WCAG, screen readers
- Automated testing with Playwright or Cypress
- Web performance, Core Web Vitals
- GraphQL

We offer:
- Remote within two hours of CET, equipment of your choice`,

  sre: `Site reliability engineer

You have:
- Kubernetes operations in production
- Terraform
- Prometheus and Grafana
- Linux networking
- Go or Python
- On-call and incident reviews
- PostgreSQL administration

Responsibilities:
- Keep the payment path within its objectives`,

  sales: `Менеджер по работе с ключевыми клиентами (B2B, оборудование для пищевых производств)

Ищем:
- Опыт продаж B2B от 3 лет
- Ведение переговоров с руководителями предприятий
- Работа в CRM (Битрикс24 или amoCRM)
- Подготовка коммерческих предложений, тендеры
- Водительские права категории B
- Готовность к командировкам`,
} as const

export type VacancyName = keyof typeof vacancies
