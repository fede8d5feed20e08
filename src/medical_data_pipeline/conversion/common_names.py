"""Given names and surnames so common that a column with many of them holds persons."""

# Words that are more often something else in medical data (May, Grace, Grant, Bell, Baker) are left out.
_NAMES = """
aaron abigail adam adams adrian agnes ahmed aisha alan albert alejandro alex alexander alexandra alfred
ali alice alicia alison allen amanda amelia amina amy ana anderson andrea andreas andrew angela anita anja
ann anna anne annie anthony antoine antonio arthur ashley astrid bailey barbara bauer beatrice becker
benjamin bennett bernard bernardi bernd bertha betty beverly bianchi bob bradley brandon brenda brian
brooks bruce bryant butler camille campbell carl carla carlos carmen carol caroline carolyn carter
catherine cecile charles charlotte chavez chen cheryl chloe christian christina christine christopher
claire clara clark claudia coleman colette collins cooper costa craig cruz cynthia daniel daniela danielle
david davis deborah denise dennis derek diana diane diaz diego dieter dolores donald donna dorothy douglas
dubois dylan edith eduardo edward edwards eleanor elena elisabeth elizabeth ellen elsa emily emma eric
erich erik erika ernest esther ethan eugene eva evans evelyn fatima felix fernandez fernando fischer
florence flores foster frances francesca francisco francois frank franz fred frederick friedrich gabriel
gabriela garcia gary georg george gerald gerd gerhard giovanni giulia giuseppe gloria gomez gonzalez
gonzalo gregory gudrun guillaume gunther gustav gutierrez hannah hans harold harry hassan heather heike
heinrich heinz helen helena helene helga henri henry hermann hernandez hoffmann howard huang hughes
ibrahim ines ingrid irene isaac isabel isabella jack jackson jacob jacqueline jacques james jan jane janet
janice jason javier jean jeffrey jenkins jennifer jeremy jerry jesse jessica joan joanna joe johann
johanna johannes john johnson jonas jonathan jones jordan jorge jose josef joseph joshua joyce juan juana
juergen julia julian julie juliette karen karin karl katherine kathleen kathryn katja kaufmann keith kelly
kenneth kevin kim kimberly klaus klein koch kowalski kruger kurt kyle lambert larry laura lauren laurent
lawrence lea leah lee leon leonard leonie leroy leslie lewis liam linda lisa lois lopez lorraine louis
louise luca lucas lucia lucie luis luisa lukas madison manfred manuel marc marco marcus margaret
margarethe maria marie marilyn mario marion mark marta martha martin martina martinez mary mateo mathieu
matthew matthias maurice max melissa mendoza meyer mia michael michel michele michelle miguel mikhail
miller mitchell mohamed mohammed monika monique moore moreau morgan morris mueller muller murphy myers
nancy natalia nathalie nathan nelson nguyen nicholas nicolas nicole noah nora norbert norma novak nowak
olga olivia omar ortiz oscar otto pablo pamela parker patel patricia patrick patterson paul paula pauline
pedro perez perry peter peterson petra petrov philip philippe phillip phillips pierre powell rachel rafael
raimund rainer ralph ramirez ramon ramos raymond rebecca reed renate rene reyes reynolds ricardo richard
richardson richter rivera robert roberto roberts robinson rodriguez roger rogers roland romero ronald rosa
rossi rudolf ruiz russell russo ruth ryan sabine samantha samir samuel sanchez sanders sandra santos sara
sarah schmidt schneider schroeder schulz schwarz scott sean sebastian sergio sharon shirley silva silvia
simmons simon singh smith sofia sophia sophie stefan stephanie stephen steven stewart stuart sullivan
susan susanne suzuki sven sylvie tammy tanaka tatiana taylor teresa terry theodor theresa thierry thomas
thompson timothy tobias torres tran tyler ulrich ursula ute valentina valerie vanessa vasquez vera
veronica victoria vincent virginia vladimir wagner walker walter wang watson wayne weber werner wilhelm
william williams wilson wolff wolfgang wright xavier yamamoto yasmin yusuf yvonne zachary zhang zimmermann
zoe
"""
COMMON_NAMES = frozenset(_NAMES.split())
